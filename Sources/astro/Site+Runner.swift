import AstroCore
import AstroRunner
import AstroTelemetry
import Logging

extension Site {
  func runner(
    _ mode: Runner.Mode, grace: Duration, signals: SignalInbox, log: Logger, _ output: LogOutput,
    observer: (any RunObserver)? = nil
  ) throws -> Runner {
    let options = Runner.Options(
      mode: mode, grace: grace, executable: Self.executable, environment: environment, version: Astro.version,
      umask: Astro.callerUmask)
    do throws(Failure) {
      return try Runner(
        home: home, configuration: configuration, options: options, bootID: bootID, signals: signals, log: log,
        logOutput: output, clock: clock, observer: observer)
    } catch {
      log.critical("Runner cannot start", error: error)
      throw error
    }
  }
}
