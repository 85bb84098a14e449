"""What the figures were measured on."""

import os
import platform
import subprocess


def available_gib():
    with open("/proc/meminfo") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) / 1024 / 1024
    return 0


def has_pyyaml(session):
    probe = "import yaml; yaml.CSafeLoader"
    return subprocess.run(["python3", "-c", probe], stderr=subprocess.DEVNULL, env=session.environment).returncode == 0


def file_system(path):
    """Its type, by the last mount on the longest prefix of the path: stat -f cannot tell ext4 from ext2."""
    best = ("", "unknown")
    with open("/proc/self/mounts") as mounts:
        for line in mounts:
            _, place, kind = line.split()[:3]
            if (path + "/").startswith(place.rstrip("/") + "/") and len(place) >= len(best[0]):
                best = (place, kind)
    return best[1]


def describe(session):
    version = session.timed(session.astro, "--version").output.strip()
    processor = "unknown processor"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                processor = line.split(":", 1)[1].strip()
                break
    return {
        "astro": version, "processor": processor, "processors": os.cpu_count(), "kernel": platform.release(),
        "temporary_directory": session.root, "file_system": file_system(session.root),
        "load_average": os.getloadavg()[0],
    }
