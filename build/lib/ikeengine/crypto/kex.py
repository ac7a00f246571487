"""All key exchange methods, transform type 4: importing this module loads them."""

from ikeengine.crypto import kex_ecp, kex_modp, kex_xdh
from ikeengine.crypto.kex_method import KEX, KeyExchange, KeyExchangeMethod

__all__ = ["KEX", "KeyExchange", "KeyExchangeMethod", "kex_ecp", "kex_modp", "kex_xdh"]
