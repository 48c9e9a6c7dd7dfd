"""`make image-test`: builds the container image and checks it as a container runs it; not part of `make test`."""
