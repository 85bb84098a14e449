/// A secret as a workflow declares it: where its value is, never the value.
public struct SecretPlan: Sendable, Equatable {
  public enum Source: Sendable, Equatable {
    /// A variable of the runner's own environment.
    case environment(String)
    /// A path; relative ones begin at the home.
    case file(String)
  }
  public var name: String
  public var source: Source

  public init(name: String, source: Source) {
    self.name = name
    self.source = source
  }
}

/// A variable of a task whose value holds secrets, known as far as it can be without them.
public struct SecretVariable: Sendable, Equatable {
  public enum Part: Sendable, Equatable {
    case text(String)
    case secret(SecretPlan)
  }
  public var name: String
  public var parts: [Part]

  public init(name: String, parts: [Part]) {
    self.name = name
    self.parts = parts
  }

  /// The secrets it holds.
  public var secrets: [SecretPlan] {
    parts.compactMap { if case .secret(let plan) = $0 { plan } else { nil } }
  }
}

extension Expression {
  /// `NAME`, when it is `secrets.NAME` and nothing else.
  public var secretName: String? {
    if case .member(.root(.secrets), let name) = self { name } else { nil }
  }

  /// How often it reads `secrets`.
  public var secretReads: Int {
    switch self {
    case .literal: 0
    case .root(let root): root == .secrets ? 1 : 0
    case .member(let base, _), .not(let base): base.secretReads
    case .element(let a, let b), .binary(_, let a, let b): a.secretReads + b.secretReads
    case .call(_, let arguments): arguments.reduce(0) { $0 + $1.secretReads }
    }
  }
}

extension Template {
  /// Whether a secret is read in it.
  public var holdsSecret: Bool {
    parts.contains { if case .expression(let expression) = $0 { expression.secretReads > 0 } else { false } }
  }
}
