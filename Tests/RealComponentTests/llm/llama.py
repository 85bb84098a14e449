"""llama.cpp's HTTP server on loopback until it is ended.  llama.py MODEL.gguf PORT KEY"""
import os
import signal
import sys

import xllamacpp

settings = xllamacpp.CommonParams()
settings.model.path = sys.argv[1]
settings.hostnames = ["127.0.0.1"]
settings.port = int(sys.argv[2])
settings.api_keys = [sys.argv[3]]
settings.n_parallel = 2
settings.n_ctx = 512 * settings.n_parallel
settings.cpuparams.n_threads = 1
settings.n_threads_http = 4
settings.warmup = False
signals = {signal.SIGTERM, signal.SIGINT}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
server = xllamacpp.Server(settings)
signal.sigwait(signals)
# Its threads end with the process.
os._exit(0)
