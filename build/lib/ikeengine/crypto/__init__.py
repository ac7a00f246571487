"""All cryptography. The only package that imports `cryptography`."""
