from __future__ import annotations

from typing import Any

from ikeengine.config.configuration import EngineConfig
from ikeengine.model.connection import EngineSettings


def test_the_defaults_are_those_of_the_model(site: Any) -> None:
    assert site.load("engine: {}\n").engine == EngineConfig()


def test_every_option_of_the_engine(site: Any) -> None:
    engine = site.load(
        """
engine:
  listen: [192.0.2.1, "2001:db8::1"]
  port: 5000
  port_nat_t: 5500
  datapath: userspace
  keylog: /var/lib/keys
  metrics: 127.0.0.1:9410
  log: {default: 0, ike: 3, net: -1, json: yes}
  retransmit_timeout: 2.5
  retransmit_base: 1.5
  retransmit_tries: 3
  retransmit_jitter: 10
  retransmit_limit: 1m
  half_open_timeout: 10s
  cookie_threshold: 100
  cookie_threshold_ip: 5
  block_threshold: 9
  ikesa_limit: 1000
  keep_alive: 0
  retry_initiate_interval: 30s
  delete_rekeyed_delay: 7
  reuse_ikesa: no
  fragment_size: 0
"""
    ).engine
    assert engine == EngineConfig(
        listen=("192.0.2.1", "2001:db8::1"),
        datapath="userspace",
        keylog="/var/lib/keys",
        metrics="127.0.0.1:9410",
        log={"default": 0, "ike": 3, "net": -1},
        log_json=True,
        settings=EngineSettings(
            port=5000,
            port_nat_t=5500,
            retransmit_timeout=2.5,
            retransmit_base=1.5,
            retransmit_tries=3,
            retransmit_jitter=10.0,
            retransmit_limit=60.0,
            half_open_timeout=10.0,
            cookie_threshold=100,
            cookie_threshold_ip=5,
            block_threshold=9,
            ikesa_limit=1000,
            keep_alive=0.0,
            retry_initiate_interval=30.0,
            delete_rekeyed_delay=7.0,
            reuse_ikesa=False,
            fragment_size=0,
            keylog=True,
        ),
    )
    assert (engine.port, engine.port_nat_t) == (5000, 5500)


def test_the_two_ports_must_differ(site: Any) -> None:
    assert site.errors("engine: {port: 4500}\n") == ["ike.yml:1:1: engine.port_nat_t: port and port_nat_t must differ"]


def test_fragments_must_not_be_tiny(site: Any) -> None:
    assert site.load("engine: {fragment_size: 400}\n").engine.settings.fragment_size == 400
    (error,) = site.errors("engine: {fragment_size: 399}\n")
    assert "engine.fragment_size: must be 0 or at least 400" in error
