"""
moto's server with its own interpreter of the states language. JSONata is evaluated in Python, not in a JVM, and waits take no
time: how long each would have been is told to whoever answers for the other services.
"""

import os
import types
import urllib.request

import jsonata
from moto.server import main
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.wait.wait_function import wait_function
from moto.stepfunctions.parser.asl.jsonata import jsonata as expressions


def evaluate(expression):
    try:
        return jsonata.Jsonata(expression).evaluate(None)
    except Exception as failure:
        raise expressions.JSONataException("UNKNOWN", str(failure))


def tell(seconds):
    url = f"http://127.0.0.1:{os.environ['MOTO_PORT']}/waited"
    urllib.request.urlopen(url, data=str(seconds).encode()).read()


expressions._eval_jsonata = evaluate
retrier_decl.time = types.SimpleNamespace(sleep=tell)
wait_function.WaitFunction._wait_interval = lambda self, env, wait_seconds: tell(wait_seconds)
main()
