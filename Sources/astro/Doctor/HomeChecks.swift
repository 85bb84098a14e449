import AstroAgents
import AstroConfiguration
import AstroCore
import AstroProcess
import AstroRunner
import AstroSpool
import AstroWorkflow
import Glibc

/// What concerns the places of one home: their file systems, their room, who may write to them.
struct HomeChecks {
  let home: Home
  let path: String

  func findings() -> [Finding] {
    var findings = fileSystems
    findings += [owner, rename, lease, locks, time].compactMap { $0 }
    findings += [disk(home.data), isOnOneFileSystem ? nil : disk(home.spool)].compactMap { $0 }
    findings += permissions
    findings += programs
    return findings
  }

  // MARK: File systems

  private var fileSystems: [Finding] {
    var findings = [fileSystem("spool", home.spool), fileSystem("data", home.data)]
    var spool = stat()
    guard stat(home.spool, &spool) == 0 else { return findings }
    for place in Place.allCases {
      var status = stat()
      guard stat("\(home.spool)/\(place.rawValue)", &status) == 0, status.st_dev != spool.st_dev else { continue }
      findings.append(
        .problem(
          "spool", "\(home.spool)/\(place.rawValue) lies on another file system: files cannot be renamed into it",
          "unmount it, or put the whole spool there with spool_dir"))
    }
    return findings
  }

  private func fileSystem(_ check: String, _ directory: String) -> Finding {
    guard let type = FileSystemType(of: directory) else {
      return .problem(
        check, "\(directory): \(String(cString: strerror(errno)))",
        "make it: mkdir -m \(directory == home.data ? "711" : "700") \(ShellWord.quoted(directory))")
    }
    guard access(directory, R_OK | W_OK | X_OK) == 0 else {
      return .problem(
        check, "\(directory) cannot be written to: \(String(cString: strerror(errno)))",
        "run astro as its owner, or give it to this user: chown")
    }
    switch type {
    case .local: return .ok(check, "\(directory) is on \(type.name)")
    case .network where check == "data":
      return .problem(
        check, "\(directory) is on \(type.name), a network file system: its locks do not protect the journal",
        "set data_dir to a directory of a local disk")
    case .network:
      return .warning(
        check,
        "\(directory) is on \(type.name), a network file system: files are claimed after 2 s of rest, and files"
          + " written by other machines are noticed every 10 s", "set spool_dir to a directory of a local disk")
    case .memory:
      return .warning(
        check, "\(directory) is on \(type.name): all in it is gone after a reboot",
        "set \(check)_dir to a directory of a disk")
    case .fuse, .unknown:
      return .warning(
        check, "\(directory) is on \(type.name), which is not known to keep locks and renames",
        "prefer ext4, xfs, btrfs or zfs")
    }
  }

  // MARK: What the protocol rests on

  private var owner: Finding? {
    do throws(Failure) {
      guard let refusal = try Spool.refusal(of: home.spool, for: home.data) else { return nil }
      return .problem("spool", refusal.description, "one home, one spool: see spool_dir in config/system_config.yaml")
    } catch {
      return .problem("spool", error.description, "give spool/ and what is in it to the user that runs astro")
    }
  }

  private var rename: Finding? {
    guard let trial = TrialFile(in: home.spool) else { return nil }
    let active = home.spool + "/active"
    let target = access(active, F_OK) == 0 ? active : home.spool
    guard let problem = trial.rename(into: target) else {
      return .ok("rename", "a file in \(home.spool) can be claimed by a rename")
    }
    return .problem(
      "rename", "a file in \(home.spool) cannot be renamed into \(target): \(String(cString: strerror(problem)))",
      "give spool/ and what is in it to the user that runs astro")
  }

  private var lease: Finding? {
    guard let trial = TrialFile(in: home.spool) else { return nil }
    if trial.takesLease {
      return .ok("lease", "leases tell when a file in \(home.spool) is wholly written")
    }
    return .warning(
      "lease", "no leases in \(home.spool): a file is claimed after its size and time rest for 2 s",
      "rename files into the spool, or use a local file system")
  }

  private var locks: Finding? {
    guard let trial = TrialFile(in: home.data) else { return nil }
    return trial.excludesOthers
      ? .ok("locks", "locks in \(home.data) keep others out")
      : .problem(
        "locks", "flock(2) in \(home.data) does not keep others out: two runners would take the same journal",
        "set data_dir to a directory of a local disk")
  }

  /// A file system whose clock is another one (a network server, a virtual machine's host) makes ages wrong.
  private var time: Finding? {
    guard let skew = TrialFile(in: home.spool)?.skew else { return nil }
    let seconds = Notation.spell(skew < .zero ? .zero - skew : skew)
    return skew > .seconds(2) || skew < .seconds(-2)
      ? .warning(
        "file_time",
        "files in \(home.spool) are stamped \(seconds) \(skew < .zero ? "behind" : "ahead of") the system"
          + " clock: ages of files are wrong by as much", "set the clocks of both machines with NTP")
      : .ok("file_time", "files are stamped with the time of the system clock")
  }

  private var isOnOneFileSystem: Bool {
    var spool = stat()
    var data = stat()
    return stat(home.spool, &spool) == 0 && stat(home.data, &data) == 0 && spool.st_dev == data.st_dev
  }

  private func disk(_ directory: String) -> Finding? {
    guard let disk = Machine.disk(directory) else { return nil }
    let inodes = disk.totalInodes > 0 ? ", \(disk.freeInodes) inodes" : ""
    let text = "\(directory) has \(disk.freeBytes >> 20) MiB\(inodes) free"
    let advice = "make room: astro clean --dry-run shows what may go"
    return switch disk.room {
    case .ample: .ok("disk", text)
    case .scarce: .warning("disk", text + ": nearly full", advice)
    case .none: .problem("disk", text + ": full", advice)
    }
  }

  // MARK: Who may write

  private var permissions: [Finding] {
    let flaws = HomePermissions(home).flaws.map {
      Finding.problem("permissions", "\($0.path) \($0.message)", "close it: \($0.cure)")
    }
    let findings = flaws + [spoolForAll].compactMap { $0 }
    return findings.isEmpty ? [.ok("permissions", "nobody else may write to config, spool or data")] : findings
  }

  /// With the sticky bit: what is dropped is its owner's, but it is we who run it.
  private var spoolForAll: Finding? {
    var status = stat()
    guard stat(home.spool, &status) == 0, status.st_mode & S_IWOTH != 0, status.st_mode & 0o1000 != 0 else {
      return nil
    }
    return .warning(
      "permissions",
      "\(home.spool) may be written to by every user of this machine: what they write runs as this user",
      "close it: chmod o-w \(ShellWord.quoted(home.spool))")
  }

  // MARK: Programs

  /// The programs that the named workflows execute directly; what scripts call only they know.
  private var programs: [Finding] {
    let folder = home.root + "/workflows"
    var names: Set<String> = []
    var findings: [Finding] = []
    for file in Listing.readable(in: folder).sorted() where file.hasSuffix(".yaml") || file.hasSuffix(".yml") {
      guard let bytes = try? FileTail.read("\(folder)/\(file)", last: 1 << 20) else { continue }
      guard let plan = WorkflowParser.parse(bytes, file: file).plan else {
        findings.append(
          .warning(
            "workflows", "\(folder)/\(file) is not valid",
            "see why: astro validate \(ShellWord.quoted("\(folder)/\(file)"))"))
        continue
      }
      names.formUnion(plan.tasks.compactMap(\.work.program))
      names.formUnion(plan.tools.compactMap { $0.run.first?.constant })
    }
    let missing = names.filter { CommandAgent.resolve($0, path: path, from: ".").map { access($0, X_OK) } != 0 }
      .sorted()
    if missing.isEmpty {
      findings.append(
        .ok(
          "programs",
          names.isEmpty ? "no workflow names a program" : "in PATH: " + names.sorted().joined(separator: ", ")))
    }
    return findings
      + missing.map {
        .warning("programs", "'\($0)', which a workflow in \(folder) runs, is not in PATH", "install it")
      }
  }
}

extension Work {
  /// The program as written, when no expression decides it.
  fileprivate var program: String? {
    switch self {
    case .script(_, let shell): shell.first
    case .command(let words): words.first?.constant
    case .request: nil
    }
  }
}
