import AstroConfiguration
import AstroCore

extension Configuration {
  /// The agents that perform their attempts themselves, by id.
  func performers(home: Home, environment: [String: String]) -> [String: any Performer] { [:] }
}
