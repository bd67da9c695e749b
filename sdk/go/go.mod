module github.com/botgate/botgate/sdk/go

go 1.24
