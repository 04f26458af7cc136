# Root keys sign on weekdays from 8 to 18 o'clock in Berlin, and at no other time.
package innkeeper

allow := true

deny contains "root keys sign on weekdays from 8 to 18 o'clock" if {
	startswith(input.key.name, "root-")
	input.key.usage == "sign"
	not office_hours
}

office_hours if {
	berlin := [time.now_ns(), "Europe/Berlin"]
	not time.weekday(berlin) in {"Saturday", "Sunday"}
	[hour, _, _] := time.clock(berlin)
	hour >= 8
	hour < 18
}
