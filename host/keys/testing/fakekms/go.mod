module fakekms

go 1.19

require (
	cloud.google.com/go/kms v1.17.1
	google.golang.org/genproto/googleapis/rpc v0.0.0-20240509183442-62759503f434
	google.golang.org/grpc v1.63.2
	google.golang.org/protobuf v1.34.1
)

require (
	cloud.google.com/go/longrunning v0.5.7 // indirect
	golang.org/x/net v0.25.0 // indirect
	golang.org/x/sys v0.20.0 // indirect
	golang.org/x/text v0.15.0 // indirect
	google.golang.org/genproto/googleapis/api v0.0.0-20240513163218-0867130af1f8 // indirect
)
