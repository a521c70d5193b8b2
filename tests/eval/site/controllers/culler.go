// Package culler decides which notebook servers are idle and stops them.
package culler

import (
	"time"
)

// StopAnnotation is set on a Notebook to scale its StatefulSet to zero. Its value is the time of the
// stop; removing the annotation starts the server again with the same volumes.
const StopAnnotation = "kubeflow-resource-stopped"

// LastActivityAnnotation holds the RFC 3339 time of the last kernel activity that was seen.
const LastActivityAnnotation = "notebooks.kubeflow.org/last-activity"

// NeedsCulling tells whether a server has been idle for longer than the limit.
//
// A server whose kernel is busy is never idle, however long the cell runs. When the API of Jupyter
// does not answer, the server counts as active: stopping it for a network problem would lose work.
// Servers with the label "culling-policy=never" are left alone.
func NeedsCulling(lastActivity time.Time, busy bool, limit time.Duration, now time.Time) bool {
	if busy || limit <= 0 {
		return false
	}
	return now.Sub(lastActivity) > limit
}

// BackoffFor returns how long to wait before asking an unreachable server again: one minute, doubled
// with each failure, at most half an hour.
func BackoffFor(failures int) time.Duration {
	wait := time.Minute
	for i := 0; i < failures && wait < 30*time.Minute; i++ {
		wait *= 2
	}
	if wait > 30*time.Minute {
		wait = 30 * time.Minute
	}
	return wait
}
