/// Who refuses an attempt what it needs next, and until when.
public struct LimitRefusal: Sendable, Equatable {
  public enum Origin: Sendable, Equatable {
    /// A limit that is counted here, a budget of a period, or a key that is used up; as in ``LimitVerdict/bindsOthers``.
    case limit(LimitPlace, bindsOthers: Bool = true)
    /// The provider behind an agent, by the agent's id: it speaks to everybody who would ask the same.
    case provider(of: String)
    /// One server, by its name, of the many that an agent reaches: it speaks to one task alone.
    case server(String)

    /// The key of an agent is used up.
    public static func key(of agent: String) -> Origin { .limit(LimitPlace(limiter: LimiterName.quota, key: agent)) }
  }

  public var origin: Origin
  public var until: Timestamp

  public init(_ origin: Origin, until: Timestamp) {
    self.origin = origin
    self.until = until
  }

  /// Where it is waited for.
  public var place: LimitPlace {
    switch origin {
    case .limit(let place, bindsOthers: true): place.waitedFor
    case .limit(let place, bindsOthers: false): place
    case .provider(let agent): LimitPlace(limiter: LimiterName.provider, key: agent)
    case .server(let name): LimitPlace(limiter: name, key: "")
    }
  }

  /// For people.
  public var name: String {
    switch origin {
    case .limit(let place, _): place.limiter
    case .provider(let name), .server(let name): name
    }
  }
}
