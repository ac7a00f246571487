"""The keys of IKEv1 and what is done with them: bytes and secrets in, bytes and secrets out.

phase1      SKEYID and what follows from it, the key of the cipher     hashes  HASH payloads of both phases
encryption  messages encrypted and decrypted                          ivs     the chain of IVs of each exchange
keymat      keys of ESP and AH
"""
