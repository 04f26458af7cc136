# Signatures are made over SHA-256, SHA-384 or SHA-512.
package innkeeper

allow := true

deny contains sprintf("%s is no approved way to sign", [input.key.algorithm]) if {
	input.key.usage == "sign"
	not input.key.digest_length in {32, 48, 64}
}
