import AstroAgents
import AstroCore
import AstroJournal
import AstroProcess
import AstroYAML
import CLinux
import Glibc

/// What does not depend on a home.
struct MachineChecks {
  let path: String

  /// - Parameter environment: that of the command; commands of tasks get its `PATH`.
  init(environment: [String: String]) {
    path = environment["PATH"] ?? CommandAgent.defaultPath
  }

  func findings() -> [Finding] {
    [.ok("astro", "version \(Astro.version)"), kernel, sqlite, .ok("libyaml", "version \(YAMLLibrary.version)")]
      + [proc, shell, inotify, files, clock] + ControlGroupChecks().findings() + [sandbox, slurm]
  }

  private var kernel: Finding {
    var name = utsname()
    uname(&name)
    let release = withUnsafePointer(to: &name.release) {
      $0.withMemoryRebound(to: CChar.self, capacity: 65) { String(cString: $0) }
    }
    let descriptor = clinux_pidfd_open(getpid())
    guard descriptor >= 0 else {
      return .problem(
        "kernel", "Linux \(release) has no pidfd_open(2): \(String(cString: strerror(errno)))",
        "use Linux 5.3 or newer, or let the container's seccomp profile pass pidfd_open")
    }
    close(descriptor)
    return .ok("kernel", "Linux \(release)")
  }

  private var sqlite: Finding {
    let race =
      SQLiteLibrary.hasResetRace
      ? "its WAL-reset race (before 3.51.3) cannot arise: all writers pass data/journal.lock" : "no known race"
    return .ok("sqlite", "version \(SQLiteLibrary.version), \(race)")
  }

  private var proc: Finding {
    guard ProcessIdentity.currentBootID() != nil, ProcessIdentity.current()?.exists == true else {
      return .problem(
        "proc", "/proc is not readable: processes cannot be told apart after a crash", "mount /proc in this container")
    }
    return .ok("proc", "/proc tells processes and boots apart")
  }

  private var shell: Finding {
    CommandAgent.problem.map { .problem("shell", $0, "install a shell: apt install dash") }
      ?? .ok("shell", "/bin/sh runs scripts")
  }

  private var inotify: Finding {
    let use = InotifyUse.ofThisUser()
    let text = "\(use.instances) of \(use.maxInstances) instances, \(use.watches) of \(use.maxWatches) watches in use"
    let descriptor = inotify_init1(Int32(O_CLOEXEC))
    guard descriptor >= 0 else {
      return .warning(
        "inotify", "none can be had (\(String(cString: strerror(errno)))): the spool is listed every 10 s; \(text)",
        "raise it: sysctl fs.inotify.max_user_instances=\(max(256, use.maxInstances * 2))")
    }
    close(descriptor)
    if use.maxInstances - use.instances < 8 {
      return .warning(
        "inotify", "nearly used up: \(text)",
        "raise it: sysctl fs.inotify.max_user_instances=\(max(256, use.maxInstances * 2))")
    }
    if use.maxWatches - use.watches < 64 {
      return .warning(
        "inotify", "nearly used up: \(text)", "raise it: sysctl fs.inotify.max_user_watches=\(use.maxWatches * 2)")
    }
    return .ok("inotify", text)
  }

  /// A watcher holds a few dozen files, its warden two for every attempt that runs.
  private var files: Finding {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
      return .warning("files", "the limit of open files cannot be read", "see: ulimit -n")
    }
    let text = "\(limit.rlim_cur) files may be open at once"
    return limit.rlim_cur < 1024 ? .warning("files", text, "raise it: ulimit -n 1024") : .ok("files", text)
  }

  /// Before this program was written no clock is right.
  private var clock: Finding {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let time = Timestamp(microseconds: Int64(now.tv_sec) * 1_000_000)
    let earliest = Timestamp(microseconds: 1_767_225_600_000_000)  // 2026-01-01T00:00:00Z
    return time < earliest
      ? .warning("clock", "the system clock says \(time.rfc3339)", "set it: timedatectl set-ntp true")
      : .ok("clock", "the system clock says \(time.rfc3339)")
  }

  private var sandbox: Finding { optional("sandbox", ["docker", "podman", "bwrap"], neededFor: "code agents") }
  private var slurm: Finding { optional("slurm", ["sbatch", "squeue", "scancel"], neededFor: "slurm agents") }

  private func optional(_ check: String, _ programs: [String], neededFor agents: String) -> Finding {
    let found = programs.compactMap { CommandAgent.resolve($0, path: path, from: ".") }
    let what = found.isEmpty ? "none of \(programs.joined(separator: ", "))" : found.joined(separator: ", ")
    return .ok(check, "\(what) (only needed for \(agents))")
  }
}
