#!/bin/sh
# Servers of the Model Context Protocol as published, of both eras: mcp.sh PATH-OF-ASTRO
set -eu
astro=$(realpath "$1")
cd "$(dirname "$0")/../.."
venvs=$PWD/.build/mcp

# install ERA PACKAGE...: a virtual environment of its own, since the eras' libraries exclude each other.
install() {
  era=$1
  shift
  [ -x "$venvs/$era/bin/mcp-server-time" ] && return
  python3 -m venv "$venvs/$era"
  "$venvs/$era/bin/pip" install -q "$@"
}

install modern 'mcp-server-time>=2026'
install legacy 'mcp<2' 'mcp-server-time<2026'
ASTRO_BINARY=$astro ASTRO_MCP_MODERN=$venvs/modern/bin/mcp-server-time ASTRO_MCP_LEGACY=$venvs/legacy/bin/mcp-server-time \
  swift test --filter 'AstroMCPTests.RealServerTests'
