#include "cmd/settings.h"

const struct config_setting settings_table[SETTING_COUNT] = {
#define SETTING_ROW(id, name, type, fallback, env, min, max, choices, description)                 \
	[id] = {name, type, fallback, env, min, max, choices, description},
	SETTINGS(SETTING_ROW)
#undef SETTING_ROW
};
