/// An agent of type http.
public struct HTTPSettings: Sendable, Equatable {
  /// Hosts that may be reached though their addresses are private or local: `host`, `host:port`, `*.suffix`, an address
  /// or a block of addresses.
  public var allowHosts: [String] = []
  /// What a task's `url` that begins with `/` is put behind; without a slash at its end.
  public var baseURL: String?
  /// Sent with each request.
  public var headers: [NamedValue] = []
  /// A file of certificates (PEM) to trust besides the system's; relative paths begin at the home.
  public var certificates: String?
  public var timeouts = ExchangeTimeouts()
  /// The longest answer, in bytes.
  public var maxBytes: Int64 = 10 << 20

  public init() {}
}
