import AstroCore
import AstroProcess

/// Starts a server and finds out which era it is of.
///
/// `server/discover` comes first: a result, or the refusal of our revision, is the answer of a modern server. Any other error
/// is that of a legacy one, which is then opened with `initialize`. One that says nothing, or dies of the question, is
/// started a second time, and not a third.
struct ServerOpening: Sendable {
  let settings: ServerSettings
  let program: @Sendable () async throws(Failure) -> ServerProgram
  let launcher: any ServerLauncher
  let memory: EraMemory
  let sleep: @Sendable (Duration) async throws -> Void

  func open() async throws(MCPFailure) -> MCPSession {
    let session: MCPSession
    switch memory[settings.command] {
    case .legacy?: session = try await initialized(within: settings.startupTimeout)
    case .modern?: session = try await discovered(within: settings.startupTimeout)
    case nil: session = try await detected()
    }
    memory[settings.command] = session.era
    return session
  }

  private func detected() async throws(MCPFailure) -> MCPSession {
    let session = try await start()
    // A legacy server may say nothing at all; half is left for it then.
    let half = settings.startupTimeout / 2
    switch await discover(session, within: half) {
    case .modern: return session
    case .legacy:
      do throws(MCPFailure) { return try await initialize(session, within: half) } catch {
        await session.kill()
        guard error.kind == .broken || error.kind == .timedOut else { throw error }
      }
    case .neither(let failure):
      await session.kill()
      throw failure
    case .silent(let failure):
      await session.kill()
      if failure.kind == .cancelled { throw failure }
    }
    return try await initialized(within: half)
  }

  private func discovered(within limit: Duration) async throws(MCPFailure) -> MCPSession {
    let session = try await start()
    switch await discover(session, within: limit) {
    case .modern: return session
    case .legacy: return try await initializing(session, within: limit)
    case .neither(let failure), .silent(let failure):
      await session.kill()
      throw failure
    }
  }

  private func initialized(within limit: Duration) async throws(MCPFailure) -> MCPSession {
    try await initializing(start(), within: limit)
  }

  private func initializing(_ session: MCPSession, within limit: Duration) async throws(MCPFailure) -> MCPSession {
    do throws(MCPFailure) { return try await initialize(session, within: limit) } catch {
      await session.kill()
      throw error
    }
  }

  private func start() async throws(MCPFailure) -> MCPSession {
    do throws(Failure) {
      let made = try await program()
      let process = try await launcher.launch(made.program)
      return MCPSession(settings.name, process, secrets: made.secrets, sleep: sleep)
    } catch {
      let kind: MCPFailure.Kind = error.code == .interrupted ? .cancelled : .notStarted
      throw MCPFailure(kind, settings.name, "cannot be started: \(error)")
    }
  }

  // MARK: Speaking

  private enum Discovery {
    case modern
    /// It answered, and did not understand.
    case legacy
    /// It speaks revisions that nobody here does.
    case neither(MCPFailure)
    case silent(MCPFailure)
  }

  private func discover(_ session: MCPSession, within limit: Duration) async -> Discovery {
    session.era = .modern
    do throws(MCPFailure) {
      let result = try await session.call("server/discover", within: limit)
      return verdict(result["supportedVersions"]?.strings)
    } catch {
      guard error.kind == .refused else { return .silent(error) }
      guard error.error?.code == JSONRPCError.unsupportedProtocolVersion else { return .legacy }
      return verdict(error.error?.data?["supported"]?.strings)
    }
  }

  private func verdict(_ supported: [String]?) -> Discovery {
    guard let supported, !supported.contains(ProtocolEra.modern.rawValue) else { return .modern }
    if supported.contains(where: ProtocolEra.legacyRevisions.contains) { return .legacy }
    return .neither(unknownRevisions(supported))
  }

  private func unknownRevisions(_ revisions: [String]) -> MCPFailure {
    let list = revisions.prefix(5).map { Terminal.printable(String($0.prefix(40))) }.joined(separator: ", ")
    return MCPFailure(
      .notStarted, settings.name,
      "speaks revision \(list) of the protocol, and none that is known up to \(ProtocolEra.modern.rawValue)")
  }

  private func initialize(_ session: MCPSession, within limit: Duration) async throws(MCPFailure) -> MCPSession {
    session.era = .legacy
    do throws(MCPFailure) {
      let result = try await session.call("initialize", ProtocolEra.initialization, within: limit)
      let revision = result["protocolVersion"]?.text ?? "of no name"
      guard ProtocolEra.legacyRevisions.contains(revision) else { throw unknownRevisions([revision]) }
      session.connection.notify("notifications/initialized")
    } catch {
      // A modern one that was too slow to answer the first question.
      guard error.error?.code == JSONRPCError.unsupportedProtocolVersion else { throw error }
      session.era = .modern
    }
    return session
  }
}

extension JSONValue {
  fileprivate subscript(name: String) -> JSONValue? {
    if case .map(let members) = self { members[name] } else { nil }
  }

  fileprivate var strings: [String]? {
    guard case .list(let items) = self else { return nil }
    return items.compactMap { if case .string(let text) = $0 { text } else { nil } }
  }
}
