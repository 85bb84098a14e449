import AstroProcess

/// By what means tasks are held together and to their limits: control groups where they can be made, else what every process
/// has.
struct ControlGroupChecks {
  private let trial = ControlGroupTrial.make()

  func findings() -> [Finding] { [sweep, resources] }

  private static let advice =
    "let systemd delegate them: Delegate=yes and DelegateSubgroup=, as in config/systemd/astro-watch.service"

  private var sweep: Finding {
    guard case .groups(let version) = trial.sweep, let directory = trial.directory else {
      return .warning(
        "control_groups",
        "none can be made (\(trial.refusal)): what a task leaves running is found by its process group and its"
          + " environment only", Self.advice)
    }
    return .ok(
      "control_groups", "what a task leaves running is found by its control group: version \(version), in \(directory)")
  }

  private var resources: Finding {
    let means = [memory(trial.memory), cpus(trial.cpus), processes(trial.processes)]
    let text = means.joined(separator: "; ")
    return [trial.memory, trial.cpus, trial.processes].contains(.none)
      ? .warning("resources", text, Self.advice) : .ok("resources", text)
  }

  private func memory(_ means: ControlGroupTrial.Means) -> String {
    switch means {
    case .groups(let version): "memory is limited for each attempt, by control groups of version \(version)"
    case .none: "memory is limited for each process alone (RLIMIT_AS): no memory controller is delegated"
    }
  }

  private func cpus(_ means: ControlGroupTrial.Means) -> String {
    switch means {
    case .groups(let version): "cpus by control groups of version \(version)"
    case .none: "cpus cannot be limited: no cpu controller is delegated"
    }
  }

  private func processes(_ means: ControlGroupTrial.Means) -> String {
    switch means {
    case .groups(let version): "processes by control groups of version \(version)"
    case .none:
      "processes are limited for each user alone (RLIMIT_NPROC), and for root not at all: no pids controller is delegated"
    }
  }
}
