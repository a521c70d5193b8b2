#include "answer/route_phrases.h"

#define PROMPT_LABEL  "asks for the system prompt or instructions"
#define RULES_LABEL   "wants instructions to be ignored"
#define ROLE_LABEL    "wants the assistant to play another role"
#define CONFIG_LABEL  "asks for the assistant's configuration or secrets"
#define CONTEXT_LABEL "asks for what stands before the question"

static const struct phrase fishing[] = {
	/* what the assistant was told; more of it is find_inner()'s in route_fishing.c */
	{"@your ~3 @prompt", PROMPT_LABEL, 0},
	{"@your ~2 instruction|instructions|directives|guidelines|directions|programming|orders|"
	 "briefing|intructions|instuctions|instrucitons",
	 PROMPT_LABEL, 0},
	{"@your ?own|internal|hidden|secret|original|initial|system|core|safety rules|restrictions|"
	 "constraints|policies|limitations|guardrails|rule|safeguards|filters",
	 PROMPT_LABEL, 0},
	{"your system|initial|hidden|developer|opening|first message|messages|text|instruction",
	 PROMPT_LABEL, 0},
	{"prompt|prompts|instructions|directives|guidelines ?that|which you "
	 "were|are|got|have|received|"
	 "follow|use|run|obey|operate|work",
	 PROMPT_LABEL, 0},
	{"which|what instructions|prompt|prompts|rules|guidelines|directives|restrictions ~3 you|u",
	 PROMPT_LABEL, PHRASE_UNLESS_COMPONENT},
	{"rules|instructions|guidelines|directives ~2 given|told ~2 you", PROMPT_LABEL, 0},
	{"rules|instructions|guidelines|policies|restrictions ?that|which you|u "
	 "?must|have|should|need|"
	 "do|are ?to|supposed follow|given|obey|following|under|bound",
	 PROMPT_LABEL, 0},
	{"you ~2 hidden|secret|internal|special rules|instructions|guidelines|restrictions|prompt",
	 PROMPT_LABEL, 0},
	{"hidden|secret|confidential|invisible|internal|private instructions|instruction|prompt|"
	 "prompts|guidelines|directives",
	 PROMPT_LABEL, 0},
	{"@reveal ~4 system|initial|developer|hidden|original prompt|prompts|preprompt",
	 PROMPT_LABEL, PHRASE_UNLESS_HOWTO},
	{"@reveal ~3 systemprompt|preprompt|metaprompt", PROMPT_LABEL, PHRASE_UNLESS_HOWTO},
	{"system prompt|prompts", PROMPT_LABEL, PHRASE_UNLESS_HOWTO},
	{"systemprompt", PROMPT_LABEL, PHRASE_UNLESS_HOWTO},
	{"@verbatim|show|tell|give ?me ~2 the prompt|preprompt $", PROMPT_LABEL, 0},
	{"my|the system|hidden|initial|secret prompt|instructions ~1 "
	 "says|said|is|was|are|were|begins|"
	 "starts|reads|tells",
	 PROMPT_LABEL, PHRASE_UNLESS_HOWTO},
	{"new|updated|real|actual system|developer prompt|instructions|instruction|message",
	 RULES_LABEL, PHRASE_UNLESS_HOWTO},
	{"how|what|why|who ~1 were|was|have|are|did|had ?been you ~1 told|instructed|prompted|"
	 "programmed|configured|briefed|set|initialized|initialised|primed|ordered|given|fed",
	 PROMPT_LABEL, 0},
	{"you ~2 been|were|was told|instructed|prompted|programmed|forbidden|configured|briefed|"
	 "ordered|primed|fed|initialized|initialised",
	 PROMPT_LABEL, 0},
	{"were|was|are you ?being told|instructed|prompted|forbidden|programmed|ordered|briefed",
	 PROMPT_LABEL, 0},
	{"you ~2 not|never|forbidden|allowed ~1 allowed|permitted|supposed|to "
	 "to|tell|say|talk|reveal|"
	 "discuss|share|answer",
	 PROMPT_LABEL, PHRASE_UNLESS_COMPONENT},
	{"@your ~1 developer|developers|creators|creator|makers|owner|owners|author|authors|admins|"
	 "operator|operators|engineers|boss|master ~3 "
	 "told|tell|say|said|wrote|gave|instructed|instruct|"
	 "want|write",
	 PROMPT_LABEL, 0},
	{"did|have|what ~1 developers|creators|they|admins|operators ~2 "
	 "tell|told|instruct|instructed|"
	 "give|given ~1 you",
	 PROMPT_LABEL, 0},
	{"your ~1 role|persona|character|purpose|task|job ~3 verbatim|word|exactly|literally",
	 PROMPT_LABEL, 0},

	{"@reveal ~3 developer|system|internal|hidden message|messages", PROMPT_LABEL,
	 PHRASE_UNLESS_HOWTO},
	{"i|we|they told|gave|wrote ~1 you ~3 start|beginning|initially|before|outset",
	 PROMPT_LABEL, 0},
	{"as|am|im|being your ~1 "
	 "developer|creator|admin|administrator|owner|operator|maintainer|author|"
	 "programmer|boss",
	 ROLE_LABEL, 0},
	{"you|chatbot|assistant|ai were|was|got|been "
	 "initialised|initialized|primed|seeded|prompted",
	 PROMPT_LABEL, 0},

	{"did|has|have|what|whatever ~1 the|your|an ?system "
	 "admin|admins|operator|developer|developers|system|"
	 "owner|creator|company|openai|anthropic ~1 "
	 "tell|told|say|said|instruct|instructed|give|gave|"
	 "given|write|wrote",
	 PROMPT_LABEL, PHRASE_UNLESS_COMPONENT},
	{"what the system said|says|told|wrote", PROMPT_LABEL, 0},
	{"have|has|did they|anyone|anybody|someone|somebody|openai ~1 "
	 "tell|told|instruct|instructed|ask|asked|"
	 "order|ordered ~1 you",
	 PROMPT_LABEL, 0},
	{"@reveal ?me ?us ?the ?full ?whole ?entire ?complete prompt|preprompt|prompts $",
	 PROMPT_LABEL, 0},
	{"@reveal ~2 the systm|system|sys|hidden|initial prompt", PROMPT_LABEL,
	 PHRASE_UNLESS_HOWTO},
	{"you are ?a|an|the ~3 assistant|bot|chatbot|ai|helpful|docsbot", PROMPT_LABEL, 0},
	{"you are docs bot", PROMPT_LABEL, 0},
	{"preamble ~4", PROMPT_LABEL, PHRASE_UNLESS_COMPONENT},
	{"you|u were|got|received|are|get ~1 given|got|received|shown|fed ~3 "
	 "first|before|initially|at|start",
	 CONTEXT_LABEL, PHRASE_UNLESS_COMPONENT},
	{"text|message|sentence|words|thing ~1 you|u got|received|saw|read|were|get ~2 "
	 "first|before|earliest|"
	 "initially",
	 CONTEXT_LABEL, 0},
	{"summarize|summarise|repeat|recap|print|show|give|export|dump ~3 "
	 "conversation|chat|dialog|session ~3 "
	 "start|beginning|system|hidden|first|everything",
	 CONTEXT_LABEL, PHRASE_UNLESS_COMPONENT},
	{"oldest|earliest|first ~3 your|the context|memory|conversation|window", CONTEXT_LABEL,
	 PHRASE_UNLESS_COMPONENT},

	{"you are ?being told|instructed|ordered|forbidden|programmed|supposed ~1 to|not",
	 PROMPT_LABEL, PHRASE_UNLESS_COMPONENT},
	{"raw|system|hidden|underlying text|content|context|instructions", PROMPT_LABEL,
	 PHRASE_UNLESS_COMPONENT},
	{"text|texts|everything|words|lines|whatever|anything|content ~3 "
	 "over|above|before|preceding|precedes|"
	 "preceded ~1 my|this|the|our ~1 "
	 "question|message|sentence|line|chat|conversation|text|prompt",
	 CONTEXT_LABEL, PHRASE_UNLESS_COMPONENT},

	/* ignore what you were told */
	{"^ ?please ?now ?and ignore|disregard|forget everything|all|anything|whatever",
	 RULES_LABEL, PHRASE_UNLESS_COMPONENT},
	{"and|then|now|also ignore|disregard|forget everything|anything|whatever", RULES_LABEL,
	 PHRASE_UNLESS_COMPONENT},
	{"@ignore ~3 @prior|all|any|every|the|these|those|@your|everything ~3 @instruction",
	 RULES_LABEL, PHRASE_UNLESS_HOWTO},
	{"@ignore @instruction", RULES_LABEL, PHRASE_UNLESS_HOWTO},
	{"@ignore ~2 your ~2 @limit", RULES_LABEL, 0},
	{"@ignore ~1 all|any|previous|prior|above|earlier|preceding rules|restrictions|constraints|"
	 "safeguards|guardrails|ethics|prompts",
	 RULES_LABEL, PHRASE_UNLESS_COMPONENT},
	{"@ignore ?about ?all|everything|anything|what|whatever ?you ?was|were|have|i|that ?been|"
	 "previously told|said|above|instructed|learned|before|taught|know|written|wrote|came",
	 RULES_LABEL, PHRASE_UNLESS_HOWTO},
	{"@ignore ?the above|preceding|previous|foregoing $", RULES_LABEL, 0},
	{"ignore|disregard|forget ?the ?all|everything above|preceding|previous|prior "
	 "and|instead|text|"
	 "context|conversation|message|messages",
	 RULES_LABEL, 0},
	{"not|never|no follow|obey|adhere ~3 your|previous|prior|above|system ~2 "
	 "@instruction|@limit",
	 RULES_LABEL, 0},
	{"your|the ~1 new|real|true ?primary|main|secret "
	 "task|instructions|instruction|goal|objective|"
	 "role|mission|directive is|are",
	 RULES_LABEL, 0},
	{"instructions ~2 have|has|are|were been|now|no ?now|longer changed|updated|replaced|void|"
	 "cancelled|canceled|lifted|obsolete|overridden",
	 RULES_LABEL, 0},
	{"^ new instructions|instruction|orders|directive|directives|task|rule|rules $",
	 RULES_LABEL, 0},
	{"^ system override|command|update|alert|notice", RULES_LABEL, PHRASE_UNLESS_COMPONENT},

	/* what stands before */
	{"@verbatim ~4 words|text|texts|everything|all|anything|message|messages|content|contents|"
	 "sentence|sentences|lines|line|conversation|paragraph|context|tokens|characters "
	 "?that|which|"
	 "is|was|are|written|stands|comes|came ?is|was|written "
	 "above|before|preceding|previously|prior|"
	 "verbatim",
	 CONTEXT_LABEL, PHRASE_UNLESS_HOWTO},
	{"@reveal ~3 "
	 "words|text|everything|anything|message|messages|content|contents|sentence|lines|"
	 "conversation|paragraph|context ?that|which|is|was|written|stands|came|comes "
	 "?is|was|stands|"
	 "written above|before|preceding|prior|prefixed ?to this|my|the|it|our",
	 CONTEXT_LABEL, PHRASE_UNLESS_COMPONENT},
	{"@verbatim ~2 above|preceding ?text|words|content|it $", CONTEXT_LABEL,
	 PHRASE_UNLESS_HOWTO},
	{"word for word|by word ~4", CONTEXT_LABEL, PHRASE_UNLESS_COMPONENT},
	{"starting|starts|beginning|begins|start|begin|began ~2 you are", CONTEXT_LABEL, 0},
	{"first|last|initial|beginning|start|top|opening|earliest|very ~3 "
	 "sentence|line|lines|words|"
	 "message|word|paragraph|sentences|characters|tokens|letters ~4 "
	 "your|you|prompt|instructions",
	 CONTEXT_LABEL, PHRASE_UNLESS_HOWTO},
	{"first|initial|earliest ~2 message|sentence|line|words|text|thing ~3 "
	 "conversation|chat|context|"
	 "dialog|dialogue",
	 CONTEXT_LABEL, 0},
	{"what|everything|anything|all|whatever ~1 was|is|came|comes|stands|written|stood|else ~3 "
	 "before|above|preceding|precedes my|this|our|the ?first|very|user "
	 "message|question|conversation|"
	 "chat|input|line|sentence|prompt",
	 CONTEXT_LABEL, 0},
	{"your ?full|whole|entire|current|complete context|memory|knowledge|thoughts|reasoning|"
	 "scratchpad|transcript ?window|in|as|base|verbatim|completely $",
	 CONTEXT_LABEL, 0},
	{"chain of thought ~3", CONTEXT_LABEL, PHRASE_UNLESS_COMPONENT},
	{"@reveal ~2 hidden|internal|entire|full|raw "
	 "context|conversation|history|transcript|messages",
	 CONTEXT_LABEL, PHRASE_UNLESS_COMPONENT},

	/* configuration and secrets */
	{"your ?own|internal|current|full|exact|hidden|system|backend|server|complete|whole|entire|"
	 "runtime|env config|configuration|configurations|settings|setup|parameters|environment|"
	 "architecture|backend|implementation|infrastructure|deployment|hyperparameters "
	 "?file|files|"
	 "in|as|and|please ?json|yaml|full|detail|details $",
	 CONFIG_LABEL, PHRASE_UNLESS_ERROR},
	{"your ~2 token|tokens|password|passwords|credentials|secret|secrets|apikey|key|keys|env|"
	 "passphrase",
	 CONFIG_LABEL, PHRASE_UNLESS_ERROR},
	{"your ~1 environment|env variable|variables|vars", CONFIG_LABEL, PHRASE_UNLESS_ERROR},
	{"your ?available|own|internal tools|functions|plugins|endpoints|function|tool "
	 "?definitions|"
	 "definition|schema|schemas|list|and ?in|as|functions|verbatim ?json $",
	 CONFIG_LABEL, 0},
	{"your ~1 source|training code|data", CONFIG_LABEL, 0},
	{"?api key|keys|apikey|token|tokens|password|passwords|secrets|credentials|credential ~1 "
	 "do|are|did|"
	 "were|have|that ?that you use|using|run|hold|have|call|given|started|know|store|stored|"
	 "configured|authenticate",
	 CONFIG_LABEL, PHRASE_UNLESS_COMPONENT},
	{"environment|env|config|configuration|system variables|vars|file|variable ~1 "
	 "do|are|did|were|"
	 "was ~1 you|u ~1 using|run|started|given|running|launched|configured|deployed",
	 CONFIG_LABEL, 0},
	{"were|are you ?being started|launched|deployed|configured|hosted|running ~1 "
	 "with|on|by|under",
	 CONFIG_LABEL, PHRASE_UNLESS_COMPONENT},
	{"temperature|parameters|settings|config|configuration|backend|database|store|index do|are "
	 "you "
	 "use|using|run|running|set",
	 CONFIG_LABEL, PHRASE_UNLESS_COMPONENT},
	{"give|tell|show|send|reveal|leak|dump|print|disclose|hand|whats|expose ~4 "
	 "token|password|key|"
	 "credentials|secret|secrets|keys|tokens|passwords ~2 this|the|your|that "
	 "service|bot|assistant|"
	 "chatbot|llm|docsbot|chat|you",
	 CONFIG_LABEL, PHRASE_UNLESS_HOWTO},
	{"token|password|key|credentials|secret|secrets|configuration|config|prompt|environment ~2 "
	 "of|"
	 "for|in|behind this|the bot|assistant|chatbot|chat|docsbot",
	 CONFIG_LABEL, PHRASE_UNLESS_HOWTO},
	{"this bots|assistants|services|chatbots ~2 token|password|key|config|configuration|prompt|"
	 "instructions|secrets",
	 CONFIG_LABEL, 0},
	{"^ ?please ?can ?you give|tell|show|send|reveal|leak|dump|print ?me ?us ?all ?the "
	 "?admin|root "
	 "password|passwords|credentials|apikey|secrets $",
	 CONFIG_LABEL, 0},
	{"^ ?please|and ?can|could ?you give|tell|reveal|leak|dump|print ?me ?the "
	 "admin|root|llm|openai "
	 "token|password|credentials|key|api ?key $",
	 CONFIG_LABEL, 0},
	{"dump ~2 context|memory|prompt|configuration", CONFIG_LABEL, PHRASE_UNLESS_COMPONENT},
	{"^ ?please ?and ?now|then print|dump|echo|cat printenv|env|environ|etc", CONFIG_LABEL,
	 PHRASE_UNLESS_COMPONENT},

	{"are|were you ?currently|now "
	 "calling|connected|hiding|holding|hosted|deployed|talking|storing|keeping|"
	 "concealing|querying|hooked",
	 CONFIG_LABEL, PHRASE_UNLESS_COMPONENT},
	{"do|did you ?currently run|call|connect|store|hide|hold|keep|talk|query ~2 "
	 "on|to|with|from|in|secret|secrets|hidden",
	 CONFIG_LABEL, PHRASE_UNLESS_COMPONENT},
	{"proc self", CONFIG_LABEL, 0},
	{"etc passwd|shadow|hosts", CONFIG_LABEL, PHRASE_UNLESS_COMPONENT},
	{"^ ?then ?and ?now run|execute|print|show|cat|echo env|printenv|environ|set $",
	 CONFIG_LABEL, 0},
	{"cat|less|head|tail|open your ~4", CONFIG_LABEL, 0},

	{"secret|secrets|truth ~3 you|yourself|u", CONFIG_LABEL, PHRASE_UNLESS_COMPONENT},

	/* another role */
	{"your|a|the|new|another ?new ?own persona|personality|identity|alter|alterego "
	 "is|ego|called|named|will|"
	 "has|should|now",
	 ROLE_LABEL, PHRASE_UNLESS_COMPONENT},
	{"stop|quit being|acting|pretending|behaving ~4", ROLE_LABEL, PHRASE_UNLESS_COMPONENT},
	{"become|be a|an|my ~2 "
	 "linux|terminal|shell|pirate|hacker|girlfriend|boyfriend|villain|cat|human|"
	 "person|interpreter|console",
	 ROLE_LABEL, PHRASE_UNLESS_COMPONENT},
	{"^ ?please ?now ?just ?you act|behave|respond|talk|speak|reply as|like", ROLE_LABEL,
	 PHRASE_UNLESS_COMPONENT},
	{"no|without|any|remove|disable|drop ~1 filter|filters|censorship|guardrails $", ROLE_LABEL,
	 PHRASE_UNLESS_COMPONENT},
	{"say|print|answer|reply|respond|output|write ~2 "
	 "hacked|pwned|owned|jailbroken|bananas|haxx",
	 ROLE_LABEL, 0},
	{"you are|re now|henceforth|hereby ?going ?to ?be "
	 "a|an|dan|called|named|acting|free|no|not|the|my|"
	 "unrestricted|unfiltered|jailbroken|evil",
	 ROLE_LABEL, 0},
	{"youre now ?going ?to ?be "
	 "a|an|dan|called|named|acting|free|no|not|the|my|unrestricted|evil",
	 ROLE_LABEL, 0},
	{"now you are|re a|an|dan|called|named|free|no|the|my|unrestricted|evil", ROLE_LABEL, 0},
	{"you are|re no longer a|an|bound|restricted|limited|required|docs|the|under|subject",
	 ROLE_LABEL, 0},
	{"you ~1 become|became|transform|switch|turn ?into|to|a|an ~2 dan|unrestricted|evil|hacker|"
	 "unfiltered",
	 ROLE_LABEL, 0},
	{"do anything now", ROLE_LABEL, 0},
	{"dan mode|prompt|jailbreak", ROLE_LABEL, 0},
	{"be|as|like|called|name|youre|are|with|hi|hey|hello dan $", ROLE_LABEL,
	 PHRASE_UNLESS_COMPONENT},
	{"jailbreak|jailbroken|jailbreaking|jailbreaks", ROLE_LABEL, PHRASE_UNLESS_COMPONENT},
	{"god|jailbreak|evil|unrestricted|unfiltered|uncensored mode|version|ai", ROLE_LABEL, 0},
	{"enter|activate|switch|go|youre|you|are|engage ~2 developer|debug|admin|maintenance|root|"
	 "diagnostic|sudo|test mode|access",
	 ROLE_LABEL, PHRASE_UNLESS_COMPONENT},
	{"developer mode ~1 enabled|on|activated|output", ROLE_LABEL, PHRASE_UNLESS_COMPONENT},
	{"ai|bot|assistant|chatbot|gpt without|no|free ~2 restrictions|limits|filter|filters|rules|"
	 "limitations|guardrails|restriction|ethics|censorship|constraints",
	 ROLE_LABEL, 0},
	{"answer|respond|reply|behave|speak|talk ~4 without|no ~2 filter|filters|restriction|"
	 "restrictions|censorship|limit|limits|rules|guardrails|guidelines|limitations|ethics|"
	 "refusing|"
	 "refusal|disclaimers",
	 ROLE_LABEL, 0},
	{"^ ?please ?lets pretend|imagine|roleplay|suppose ?that ?to "
	 "?you|we|be|as|being|there|youre",
	 ROLE_LABEL, PHRASE_UNLESS_COMPONENT},
	{"pretend ?to ?be ?that ?you|youre|were|there|i|im|we", ROLE_LABEL, 0},
	{"imagine you|youre are|were|a|an|have|had", ROLE_LABEL, PHRASE_UNLESS_COMPONENT},
	{"roleplay|roleplaying ~4", ROLE_LABEL, 0},
	{"role play|playing ~3 as|a|you|with|game|where", ROLE_LABEL, 0},
	{"^ ?please ?now ?you ?will|must|should|shall act|behave as|like ~3", ROLE_LABEL, 0},
	{"you|to|and ?will|must|should|shall|now act|behave|respond|talk|speak as|like ?if ?though "
	 "~1 "
	 "a|an|my|you|dan|the",
	 ROLE_LABEL, PHRASE_UNLESS_COMPONENT},
	{"lets play ~2 game ~8", ROLE_LABEL, 0},
	{"from now on ~3 you|answer|respond|act|ignore|always|reply|speak|talk|only", ROLE_LABEL,
	 PHRASE_UNLESS_COMPONENT},
	{"i am|im ~1 your|the "
	 "developer|creator|admin|administrator|owner|maker|author|operator|boss|"
	 "engineer|master ?and ?of ?this|you|the|from ~2",
	 ROLE_LABEL, PHRASE_UNLESS_COMPONENT},
	{"developer|creator|admin|owner|author|administrator|operator of this|the|you "
	 "?bot|assistant|"
	 "chatbot|service|system",
	 ROLE_LABEL, PHRASE_UNLESS_HOWTO},
	{"i am|im ~2 from openai|anthropic|google|meta|microsoft ~3 you|your", ROLE_LABEL, 0},
	{"simulate|emulate ~3 ai|chatbot|assistant|terminal|conversation|dan|llm ~2 "
	 "with|without|that|"
	 "where|who|and",
	 ROLE_LABEL, PHRASE_UNLESS_COMPONENT},
	{"^ ?please|now decode|decrypt|unscramble|deobfuscate|decipher ~8 "
	 "follow|execute|obey|do|answer|"
	 "run|act|comply ~3 it|what|says|result|instructions|them|that|decoded|output",
	 ROLE_LABEL, PHRASE_UNLESS_COMPONENT},
	{"repeat after me ~8", ROLE_LABEL, 0},
	{"say|repeat|respond|reply|answer ~2 i ~1 have been pwned|hacked", ROLE_LABEL, 0},
	{"evil|opposite|twin ~1 version|twin ~2 yourself|you", ROLE_LABEL, 0},
	{"grandmother|grandma|granny ~8 prompt|prompts|instructions|keys|read ~6", ROLE_LABEL, 0},
};

static const struct phrase action[] = {
#define ACTION "asks for something to be done to a cluster"
	{"^ ?@polite ?@polite ?@polite @destroy ~3 my|our|mine|ours ~4 @object", ACTION,
	 PHRASE_UNLESS_MEANS},
	{"^ ?@polite ?@polite ?@polite stop|shut|turn ?down|off my|our ~3 @object", ACTION,
	 PHRASE_UNLESS_MEANS},
	{"^ ?@polite ?@polite ?@polite @destroy|@build ~9 for me", ACTION, 0},
	{"^ ?@polite ?@polite ?@polite @build my|our ~2 @object $", ACTION, 0},
	{"^ ?@polite ?@polite ?@polite @build ~5 my|our ~2 @object to ~2 $", ACTION,
	 PHRASE_UNLESS_MEANS},
	{"^ kubectl|helm|docker ~6 for me", ACTION, 0},
	{"^ ?@polite ?@polite ?@polite @destroy all|every ~2 @object "
	 "that|which|older|from|belonging",
	 ACTION, 0},
	{"please|kindly make|set|add|give|grant|turn ~3 "
	 "admin|owner|contributor|access|editor|viewer|rights|"
	 "permission|permissions ~4 my|our|the|namespace|cluster|profile",
	 ACTION, PHRASE_UNLESS_MEANS},
	{"^ ?@polite ?@polite ?@polite submit|run|start|stop|delete|restart|apply|deploy "
	 "this|that|it|these|the ~2 "
	 "@object ?now ?please ?again $",
	 ACTION, 0},
	{"^ ?@polite ?@polite ?@polite @destroy|@build ~7 for us $", ACTION, 0},
	{"^ ?@polite ?@polite ?@polite @destroy|@build ~6 @object ~4 now|immediately|please|asap $",
	 ACTION, 0},
	{"^ ?@polite can|could|would|will you ?please|just|quickly|now|also @destroy|@build ~2 "
	 "my|our|this|that|these|those ~3 @object",
	 ACTION, PHRASE_UNLESS_MEANS},
	{"^ ?@polite can|could|would|will you ?please|just|quickly|now|also @destroy ?the|all ~2 "
	 "@object ~2 $",
	 ACTION, 0},
	{"^ ?@polite ?@polite scale|set|bring|turn the|my|our|this|all ~3 @object ~3 "
	 "up|down|to|back ~3 $",
	 ACTION, PHRASE_UNLESS_MEANS},
	{"please|kindly roll|scale|shut|turn|bring|spin|tear back|up|down|off|on "
	 "my|our|the|this|all ~4 "
	 "@object",
	 ACTION, 0},
	{"^ ?@polite can|could|would|will you please|kindly|just|quickly @destroy|@build ~4 "
	 "@object",
	 ACTION, 0},
	{"^ ?@polite ?@polite ?@polite apply|run|execute|submit|deploy|push|install|create "
	 "this|it|that|these|them|above|everything|following ~4 my|our|the|this ~2 "
	 "cluster|namespace|environment|server|machine|kubernetes|system|profile",
	 ACTION, 0},
	{"^ ?@polite ?@polite ?@polite apply|deploy|submit|install|create the|a ~4 to|on|in|into "
	 "my|our ~2 "
	 "cluster|namespace $",
	 ACTION, 0},
	{"^ ?@polite ?@polite ?@polite apply|execute|run|deploy|undo|do|submit "
	 "it|this|that|them ?please|now|then|there|again ?for ?me $",
	 ACTION, 0},
	{"^ ?@polite ?@polite ?@polite run|execute|issue kubectl|helm|docker|kustomize|rm|oc|argo",
	 ACTION, 0},
	{"^ ?@polite ?@polite ?@polite do|run|execute|apply|make|perform|handle|fix "
	 "it|this|that|so|everything ~2 for me|us",
	 ACTION, 0},
	{"please|kindly @destroy ~1 my|our|the|this|that|all|pod|namespace|every|both|everything "
	 "~4 "
	 "@object",
	 ACTION, 0},
	{"please|kindly @destroy ~3 @object $", ACTION, 0},
	{"please|kindly @build ?a|an|the my|our|this ~3 @object", ACTION, 0},
	{"go ahead ?and @destroy|@build ~8", ACTION, 0},
	{"^ ?@polite ?@polite @destroy the|this|that ~2 @object $", ACTION, 0},
	{"^ ?@polite ?@polite @destroy all|every|everything ~2 @object ~1 in|from|on ~3 $", ACTION,
	 0},
	{"^ ?@polite ?@polite @destroy everything ?in|on|from ~4 $", ACTION, 0},
	{"i|we ~1 want|need|like|wish|order you to @destroy|@build ~3 "
	 "my|our|this|that|the|all|a ~3 @object",
	 ACTION, 0},
	{"you must|should|have|need|shall ?to @destroy|@build ~2 my|our|this ~3 @object", ACTION,
	 0},
	{"^ ?@polite ?@polite ?@polite give|grant|make ?me|myself ~2 "
	 "admin|administrator|cluster-admin|"
	 "root|full access|permission|permissions|rights|admin|privileges ~5",
	 ACTION, 0},
	{"^ ?@polite ?@polite ?@polite give|grant|make me ~2 access|permission|permissions|admin|"
	 "administrator|rights|root ~6",
	 ACTION, 0},
	{"^ ?@polite ?@polite ?@polite ssh|log|login|connect ?in|into|to ~1 my|our|the ~2 @object "
	 "?and|to ~6",
	 ACTION, 0},
	{"^ ?@polite ?@polite ?@polite roll|scale|shut|spin back|up|down my|our|the|this ~4 "
	 "@object "
	 "?to ~4 $",
	 ACTION, 0},
};

static const struct phrase identity[] = {
#define IDENTITY "asks about the assistant"
	{"^ and|so|but|then|ok|well ?who|what|how are you $", IDENTITY, 0},
	{"^ ?so ?and hows ?it|everything|life|things|your ?day|going|doing ?going $", IDENTITY, 0},
	{"^ ?sorry wrong|other window|chat|person|tab|channel|bot $", "no question", 0},
	{"^ ?ok ?and ?so ?but who|what are you by the way $", IDENTITY, 0},
	{"^ ?please can|could ?you tell|explain ?me what|how|who you do|work|are|can ?do $",
	 IDENTITY, 0},
	{"^ that|this|it ?really ?unfortunately did|was|does|is|wasnt|didnt|isnt ?not ?so ?very "
	 "help|helpful|useful|good $",
	 "no question", 0},
	{"^ who|what|how|whom ?or ?what ?exactly|really are|r ?u ?you "
	 "?exactly|really|doing|today|then|even "
	 "$",
	 IDENTITY, 0},
	{"^ ?so|and whos|whats this|there|up $", IDENTITY, 0},
	{"^ ?so what|which ~2 can|could|do|will you ~1 "
	 "do|help|know|offer|support|answer|cover|able "
	 "?me|for|with|about|to|questions ?me|here|this|do|answer ?here $",
	 IDENTITY, 0},
	{"^ ?so|and how ?exactly can|could|do|will you help|assist|support|work|function|be "
	 "?me|of|us "
	 "?here|today|help|out $",
	 IDENTITY, 0},
	{"^ ?can you help ?me ?please|out $", IDENTITY, 0},
	{"^ help ?me ?please $", IDENTITY, 0},
	{"^ i need ?some help ?please $", IDENTITY, 0},
	{"^ ?and ?so|well which|what ~3 model|llm|gpt|ai|version are|is|do you|this "
	 "?using|use|based|"
	 "running|run ?on ?with $",
	 IDENTITY, 0},
	{"^ ?so|and ?wait|hey are|r you|u ~4 "
	 "bot|human|robot|ai|machine|chatgpt|gpt|claude|gemini|llama|person|"
	 "real|alive|sentient|assistant|chatbot|conscious|gpt4|copilot|bard|mistral|qwen|there|"
	 "busy|ok|"
	 "awake|online|ready|llm|smart|sure|kubeflow|model ?or ~4 $",
	 IDENTITY, 0},
	{"^ ?and ?so ?tell ?me whats|what ?is|are|s your ~1 "
	 "name|purpose|function|role|goal|names|job|"
	 "capabilities|limits|abilities|features|skills ?here $",
	 IDENTITY, 0},
	{"^ ?and ?so who|whom|which ~2 "
	 "made|created|built|developed|trained|runs|wrote|owns|operates|"
	 "maintains|programmed|invented|designed you|u $",
	 IDENTITY, 0},
	{"^ ?can ?could ?you ?please tell|say ?us ?me ~2 about yourself|you $", IDENTITY, 0},
	{"^ ?please ?can|could ?you introduce|describe yourself ?please $", IDENTITY, 0},
	{"^ what ~1 languages|topics|subjects|questions|things do|can you ?speak|know|understand|"
	 "support|answer|cover|about $",
	 IDENTITY, 0},
	{"^ what ?kind|sort|else ?of ?questions ?things ?can|could|may|should i|we ask ?you "
	 "?here|about "
	 "$",
	 IDENTITY, 0},
	{"^ how old|smart|big are you $", IDENTITY, 0},
	{"^ ?is|what ~1 this ~3 bot|assistant|chatbot|chat|ai ?for|about|do $", IDENTITY, 0},
	{"^ is anybody|anyone|somebody|someone there|here $", IDENTITY, 0},
	{"^ ?and where are|do you ?from|live|come|located|run|hosted ?from $", IDENTITY, 0},
	{"^ do|can you ~2 speak|understand|have|feel|know|remember|sleep|learn ~3 "
	 "feelings|me|english|german|french|spanish|chinese|everything|emotions|names|language $",
	 IDENTITY, 0},
	{"^ do you like|love ~2 $", IDENTITY, 0},
	{"^ i ?really love|like|hate you ?so ?much $", IDENTITY, 0},
	{"^ nice to meet you $", IDENTITY, 0},
	{"^ wer bist du|sind $", IDENTITY, 0},
	{"^ was kannst du ?alles $", IDENTITY, 0},
	{"^ qui es ?tu $", IDENTITY, 0},
	{"^ quien eres ?tu $", IDENTITY, 0},
	{"^ 你是谁 $", IDENTITY, 0},
};

static const struct phrase off[] = {
#define CREATIVE "wants something written that is no documentation"
	{"write|compose|tell|sing|recite|make|create|give|generate|read|need|want|like|hear|draft "
	 "?me|us|"
	 "to|about ?a|an|another|some|one|your|the ~2 @creative $",
	 CREATIVE, PHRASE_UNLESS_HOWTO},
	{"write|compose|tell|sing|recite|make|create|give|generate|read|need|want|like|hear|draft "
	 "?me|us|"
	 "to|about ?a|an|another|some|one|your|the ~2 @creative "
	 "about|on|in|with|of|that|where|featuring|"
	 "like|please",
	 CREATIVE, PHRASE_UNLESS_HOWTO},
	{"^ ?a|an|another ?funny|short|little @creative about|on|for|please", CREATIVE, 0},
	{"rap|sing|rhyme about|of ~6", CREATIVE, 0},
	{"write|compose|draft ~3 birthday|love|cover|breakup|resignation|wedding ~1 "
	 "letter|card|poem|song|wishes|"
	 "speech|message|email",
	 CREATIVE, 0},
	{"write ~3 essay|story|screenplay|lyrics|rap|novel ~1 about|on|of", CREATIVE, 0},
	{"translate|uebersetze ~8 into|to|auf|in @language $", "wants a translation", 0},
	{"how ~2 say|called ~6 in @language $", "wants a translation", 0},
	{"do|write|solve|finish|help ~3 my ~1 homework|essay|assignment|coursework|exam|thesis",
	 "homework", 0},
};

static const struct phrase trivia[] = {
#define TRIVIA "a question of general knowledge"
	{"capital|population|president|king|queen|currency|flag|anthem|area|mayor|chancellor|"
	 "minister "
	 "city of",
	 TRIVIA, 0},
	{"capital|population|president|king|queen|anthem|chancellor|emperor|government of|in",
	 TRIVIA, 0},
	{"how tall|old|far|deep|heavy|rich is|are|was the|mount|a|an", TRIVIA, 0},
	{"how far ~2 from|to ~4 to|from|away", TRIVIA, 0},
	{"who invented|discovered|painted|composed|won|sang|sings|starred|killed|is|was ~2 the "
	 "telephone|lightbulb|penicillin|radium|lisa|world|first|most|richest|best|greatest|"
	 "strongest|"
	 "famous|chancellor|pope|prime|king|queen|electricity|electric|wheel|bulb|gravity|america",
	 TRIVIA, 0},
	{"who painted|composed|sang|sings|discovered|invented ~4", TRIVIA, 0},
	{"who wrote|is|was romeo|hamlet|harry|faust|macbeth|shakespeare|the author|the richest ~3",
	 TRIVIA, 0},
	{"when did|was|were ~4 "
	 "born|die|died|king|war|empire|revolution|titanic|wall|elected|crowned",
	 TRIVIA, 0},
	{"what year|century ~6 war|revolution|born|die|empire|titanic|columbus|moon", TRIVIA, 0},
	{"tallest|largest|longest|biggest|deepest|smallest|highest|richest|oldest|fastest ~2 "
	 "building|river|mountain|ocean|country|animal|man|person|city|lake|planet|desert|island|"
	 "bird|"
	 "tree|human|continent|woman|car|world",
	 TRIVIA, 0},
	{"what time is it", TRIVIA, 0},
	{"whats the time", TRIVIA, 0},
	{"what day|date is ?it today|tomorrow", TRIVIA, 0},
	{"whats ?the date|day today", TRIVIA, 0},
	{"meaning of life", TRIVIA, 0},
	{"should i ?really "
	 "break|marry|quit|date|text|call|buy|wear|eat|study|move|leave|invest|forgive|"
	 "dump|divorce",
	 "personal advice", 0},
	{"ask ~2 girl|boy|guy|woman|man|her|him|someone out", "personal advice", 0},
	{"who wrote|directed|won|wins|founded|designed|built|sculpted|conquered|ruled ~4", TRIVIA,
	 0},
	{"plot|ending|cast|director|lyrics|chorus of ~3 $", TRIVIA, 0},
	{"how long ~3 boil|bake|cook|roast|fry|grill|marinate|simmer", "off topic: food", 0},
	{"distance|difference ~2 ~1 earth|sun|moon|stars|planets", TRIVIA, 0},
	{"rules of chess|poker|football|tennis|baseball|golf|monopoly|scrabble|go|rugby|cricket",
	 TRIVIA, 0},
	{"my ~1 back|head|knee|stomach|neck|tooth|throat|foot|leg|arm|shoulder "
	 "hurts|hurt|aches|ache|is",
	 "off topic: health", 0},
	{"leaves ~2 at ~3 km|mph|kmh ~8", "mathematics", 0},
	{"how many|much ~2 "
	 "legs|calories|sugar|countries|continents|bones|planets|people|stars|states|weeks|"
	 "days|grams|cups ~2 does|do|are|is|live|in",
	 TRIVIA, 0},
	{"how ~3 lose|gain ~4 kg|pounds|weight|fat|belly|muscle|kilos|muscles", "health", 0},
	{"what|which ~2 should|can|could i|we ?wear|eat|cook|watch|read|buy|play|drink|gift ~3 "
	 "today|tonight|tomorrow|dinner|lunch|weekend|mom|dad|birthday|party|friend|movie|series|"
	 "him|her",
	 "personal advice", 0},
	{"recommend|suggest ~4 "
	 "book|books|movie|restaurant|song|series|show|game|games|novel|hotel|wine|"
	 "film|place|playlist|gift",
	 "wants a recommendation", 0},
	{"book|order|reserve ~2 me|us|a ~2 "
	 "flight|pizza|taxi|hotel|table|ticket|uber|room|food|trip",
	 "wants something booked", 0},
	{"play ~3 song|music|game|chess|hangman|trivia|20", "wants to play", 0},
	{"who will|would win ~6", TRIVIA, 0},
	{"solve ~4 equation|integral|derivative|for", "mathematics", 0},
	{"square root of", "mathematics", 0},
	{"integral|derivative of ~3 x|sin|cos|ln", "mathematics", 0},
	{"percent of ~2 $", "mathematics", 0},
	{"do you believe in", TRIVIA, 0},
	{"whats your ~1 favorite|favourite|opinion|age|hobby|sign", "small talk about other things",
	 0},
	{"what is your ~1 favorite|favourite|opinion|hobby", "small talk about other things", 0},
};

#define SOURCE(source) ((unsigned)(source) << PHRASE_SOURCE_SHIFT)
#define ISSUE          SOURCE(ROUTE_ISSUE)
#define CODE           SOURCE(ROUTE_CODE)
#define PULL_REQUEST   SOURCE(ROUTE_PULL_REQUEST)
#define ISSUE_AND_PR   SOURCE(ROUTE_ISSUE | ROUTE_PULL_REQUEST)

static const struct phrase sources[] = {
	/* something is broken */
	{"error|errors|exception|traceback|panic|segfault|stacktrace|fatal|err|errored", "an error",
	 ISSUE},
	{"crash|crashes|crashed|crashing|crashloopbackoff|crashloop|oomkilled|imagepullbackoff|"
	 "errimagepull|evicted|createcontainerconfigerror|createcontainererror|sigkill|sigsegv|"
	 "coredump|backoff|invalidimagename|failedmount|failedscheduling|unschedulable",
	 "an error", ISSUE},
	{"fail|fails|failed|failing|failure|failures|unable", "something fails",
	 ISSUE | PHRASE_UNLESS_SUPPOSED},
	{"stuck|hangs|hanging|hung|frozen|freezes|unresponsive", "something hangs", ISSUE},
	{"timeout|timeouts|deadlock ~1 error|exceeded|after|when|while|waiting", "something fails",
	 ISSUE},
	{"timed|times|timing out", "something fails", ISSUE},
	{"denied|forbidden|unauthorized|refused|refuses|rejected|401|403|404|405|409|500|502|503|"
	 "504|"
	 "complains|invalid",
	 "an error", ISSUE},
	{"not|never|doesnt|isnt|wont|dont|didnt|cannot|cant|no ?be ?been longer|work|works|working|"
	 "start|starts|found|load|loads|respond|responding|connect|recognized|reachable|appear|"
	 "appears|"
	 "mounted|schedule|scheduled|ready|show|shows|finish|exist|resolve|resolved|unmarshal|pull|"
	 "compile|import|open|find",
	 "something does not work", ISSUE},
	{"stopped|stops|quit working|responding", "something does not work", ISSUE},
	{"expired|x509|unreachable|unavailable|corrupt|corrupted|conflict|oom|mismatch", "an error",
	 ISSUE},
	{"keeps|keep ~2 restarting|crashing|reloading|failing|disappearing|asking|spinning|loading|"
	 "redirecting|dying",
	 "something does not work", ISSUE},
	{"endless|infinite|endlessly redirect|loop|redirects|spinner|reload|retry",
	 "something does not work", ISSUE},
	{"broken|breaks|broke|regression|regressed|bug|bugs|misbehaves|misbehaving|flaky|leak|"
	 "leaks",
	 "a bug", ISSUE},
	{"known issue|issues|problem|bug|limitation", "a known issue", ISSUE},
	{"github issue|issues", "an issue", ISSUE},
	{"open issue|issues", "an issue", ISSUE},
	{"issue ~2 about|for|with|on|regarding|tracking|open|opened|filed", "an issue", ISSUE},
	{"anyone|anybody|somebody|someone else ~3 seen|see|have|had|having|hit|experienced|same",
	 "a known issue", ISSUE},
	{"same problem|issue|error|symptom", "a known issue", ISSUE},
	{"since|after ?the|we|i|our|an|my|upgrading ?last ?to "
	 "update|upgrade|upgrading|updating|updated|"
	 "upgraded|migration|migrating ~6",
	 "after an upgrade", ISSUE},
	{"worked|working|fine before|until|yesterday|in|with ~4", "a regression", ISSUE},
	{"used to work|be ~3", "a regression", ISSUE},
	{"blank|white|empty page|screen|body|response", "something does not work", ISSUE},
	{"workaround|workarounds", "a workaround", ISSUE},
	{"exit|exits|exited ~1 code|status", "an error", ISSUE},
	{"warning|warn|exited|exit ?code ?1|137|139|message", "an error", ISSUE},

	/* wants to see code */
	{"show|give|see|send|have|want|need|post|share|copy|paste|looking|write|generate|provide|"
	 "is|find|"
	 "get|any|got|me|an|a|the|minimal|full|complete|working|sample|example ~3 "
	 "yaml|yml|manifest|manifests|snippet|snippets|boilerplate",
	 "wants a manifest", CODE},
	{"yaml|manifest|manifests|yml ?file|files|for|of|that|to ?example|a|an ~3 "
	 "example|sample|please|look|looks|for|with|of|that",
	 "wants a manifest", CODE},
	{"^ ?@component|minimal|sample|example yaml|manifest|snippet|yml ~3", "wants a manifest",
	 CODE},
	{"example|sample|examples", "wants an example", CODE},
	{"code ~1 example|sample|examples|for|of|that|to|snippet|please|which|looks", "wants code",
	 CODE},
	{"source|sources|sourcecode ?code ?of|for|where|is|file ~3 "
	 "implemented|defined|code|file|look|"
	 "repo|repository",
	 "asks about the source", CODE},
	{"source code", "asks about the source", CODE},
	{"where|which|what ~6 implemented|defined|implementation|implements",
	 "asks about the source", CODE},
	{"which|what ~1 function|class|struct|method|interface "
	 "decides|does|checks|computes|calls|sets|"
	 "creates|is|builds|parses|reads|handles|reconciles",
	 "asks about the source", CODE},
	{"which|what file|function|class|package|struct ~4 "
	 "implements|defines|contains|handles|implemented|defined|declares|does",
	 "asks about the source", CODE},
	{"ready|readymade ?to ?use|made|copy ~4 i can|copy|use|paste|yaml|manifest",
	 "wants an example", CODE},
	{"i can copy|paste|start", "wants an example", CODE},
	{"copy|copypaste and|paste|able paste|able|example", "wants an example", CODE},
	{"what does|would|should ~6 look like", "wants an example", CODE},
	{"template for|of ~3 yaml|manifest|resource|custom|experiment|trainjob|notebook",
	 "wants an example", CODE},

	/* what has changed */
	{"pr|prs|pull ?request|requests ~2 "
	 "?merged|about|for|that|open|adding|which|fixing|fixes|added|"
	 "introduced|number|it|been",
	 "asks for a pull request", PULL_REQUEST},
	{"pull request|requests", "asks for a pull request", PULL_REQUEST},
	{"merged|landed|backported|cherrypicked|cherry ?picked ~1", "asks what was merged",
	 PULL_REQUEST},
	{"was|is|has|have|been|got|were|be|it|that|this|bug|already ?been "
	 "?ever|now|already|since|finally "
	 "fixed|resolved|patched",
	 "asks whether it was fixed", ISSUE_AND_PR},
	{"is|was|has|are|were|will ~6 fixed|resolved|patched ?by|in|now|yet|already|meanwhile",
	 "asks whether it was fixed", ISSUE_AND_PR},
	{"fix|fixes|bugfix ~4 released|merged|shipped|release|version|included", "asks about a fix",
	 ISSUE_AND_PR},
	{"when|which|what|since ~5 "
	 "added|introduced|removed|dropped|deprecated|renamed|changed|replaced|shipped|merged|"
	 "supported|"
	 "released|rewritten",
	 "asks what has changed", PULL_REQUEST},
	{"since|in|from|as|of which|what|when ?kubeflow|kfp|katib|kserve|sdk ?trainer "
	 "release|version|milestone|releases|versions",
	 "asks since when", PULL_REQUEST},
	{"since when", "asks since when", PULL_REQUEST},
	{"what|whats|anything|something ?was|is|has|have|been|were|that ?has|was|were|been "
	 "changed|changes|new|different|improved ?in|between|from|with|since|for "
	 "?the|version|release ~4",
	 "asks what has changed", PULL_REQUEST},
	{"changelog|changes|difference|differences|diff ~3 between|from|since ~1 "
	 "0|1|2|3|4|v1|v2|version|versions|release|releases|last",
	 "asks what has changed", PULL_REQUEST},
	{"changelog", "asks what has changed", PULL_REQUEST},
	{"release notes", "asks what has changed", PULL_REQUEST},
	{"who|why ~1 changed|removed|added|renamed|introduced|dropped|deprecated ~3",
	 "asks what has changed", PULL_REQUEST},
	{"been|was|were|got|is|are|has|have removed|dropped|deprecated|renamed|reverted|replaced|"
	 "implemented|rewritten|introduced|added ?in|from|with|by|to|since|yet|already|again",
	 "asks what has changed", PULL_REQUEST},
	{"breaking change|changes", "asks what has changed", PULL_REQUEST},
};

#define TABLE(rows)                                                                                \
	{                                                                                          \
		rows, sizeof(rows) / sizeof((rows)[0])                                             \
	}
const struct phrase_table route_phrases[ROUTE_PHRASES_COUNT] = {
	[ROUTE_PHRASES_FISHING] = TABLE(fishing),   [ROUTE_PHRASES_ACTION] = TABLE(action),
	[ROUTE_PHRASES_IDENTITY] = TABLE(identity), [ROUTE_PHRASES_OFF] = TABLE(off),
	[ROUTE_PHRASES_TRIVIA] = TABLE(trivia),     [ROUTE_PHRASES_SOURCES] = TABLE(sources),
};
