# Whoever uses a root key needs a token that somebody else made for them: by the token role `control-group`, which only
# approvers may use, with the approver's name in the token's metadata.
package innkeeper

allow := true

root_key if startswith(input.key.name, "root-")

deny contains "a person must ask" if {
	root_key
	input.principal == null
}

deny contains "a second person must make the token" if {
	root_key
	input.principal.token_path != "auth/token/create/control-group"
}

deny contains "the token does not say who approved it" if {
	root_key
	input.principal != null
	not input.principal.metadata.approved_by
}

deny contains "nobody approves what they do themselves" if {
	root_key
	input.principal.metadata.approved_by == input.principal.entity_name
}

deny contains "the approval is older than an hour" if {
	root_key
	input.now - input.principal.token_time >= 3600
}
