package mqtt

import "strings"

// matches reports whether a topic is among what a filter asks for (MQTT 5.0,
// 4.7): + stands for one level, # at the end for any number of them, none
// included. Neither, at the start, stands for a level that begins with $.
func matches(filter, topic string) bool {
	if strings.HasPrefix(topic, "$") && (strings.HasPrefix(filter, "+") || strings.HasPrefix(filter, "#")) {
		return false
	}
	for {
		if filter == "#" {
			return true
		}
		want, moreWanted, filterGoesOn := strings.Cut(filter, "/")
		level, moreTopic, topicGoesOn := strings.Cut(topic, "/")
		switch {
		case want != "+" && want != level:
			return false
		case !topicGoesOn:
			return !filterGoesOn || moreWanted == "#"
		case !filterGoesOn:
			return false
		}
		filter, topic = moreWanted, moreTopic
	}
}
