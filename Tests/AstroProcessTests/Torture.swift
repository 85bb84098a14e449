import Foundation

/// `make torture` sets ASTRO_TORTURE=1: the same tests, many times over.
enum Torture {
  static let isOn = ProcessInfo.processInfo.environment["ASTRO_TORTURE"] == "1"
  static let factor = isOn ? 20 : 1
}
