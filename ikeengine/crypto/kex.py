"""All key exchange methods, transform type 4: importing this module loads them."""

from ikeengine.crypto import kex_ecp, kex_modp, kex_xdh
from ikeengine.crypto.kex_method import KEX, KeyExchange, KeyExchangeMethod
from ikeengine.crypto.kex_mlkem import ML_KEM

ADDITIONAL_KEX: dict[int, KeyExchangeMethod] = {**KEX, **ML_KEM}
"""The methods that additional key exchanges (RFC 9370) can use."""

__all__ = ["ADDITIONAL_KEX", "KEX", "KeyExchange", "KeyExchangeMethod", "kex_ecp", "kex_modp", "kex_xdh"]
