# Certificates live for 90 days at most, in the namespace of the policy and in those below it.
package innkeeper

allow := true

deny contains "ttl: must be at most 2160h" if {
	"ttl" in object.keys(input.request.parameters)
	not short
}

short if seconds(input.request.parameters.ttl) <= 2160 * 3600

seconds(ttl) := ttl if is_number(ttl)

seconds(ttl) := to_number(ttl) if {
	is_string(ttl)
	regex.match(`^[0-9]+$`, ttl)
}

seconds(ttl) := time.parse_duration_ns(ttl) / 1000000000 if {
	is_string(ttl)
	not regex.match(`^[0-9]+$`, ttl)
}
