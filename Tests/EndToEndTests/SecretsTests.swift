import Foundation
import Glibc
import Testing

/// R32: secrets reach the tasks that name them and nothing else.
@Suite struct SecretsTests {
  private let short = Canary("token")
  private let long = Canary("KEY", isLong: true)

  /// A home, and the long secret in a file outside of it.
  private func prepared() throws -> (home: Home, file: String) {
    let home = try Home(system: Home.unlimited)
    let file = "\(home.path).key"
    try (long.value + "\n").write(toFile: file, atomically: true, encoding: .utf8)
    try #require(chmod(file, 0o600) == 0)
    return (home, file)
  }

  private var environment: [String: String] { ["ASTRO_TEST_TOKEN": short.value] }

  private func declared(_ file: String) -> String {
    "secrets: {TOKEN: {env: ASTRO_TEST_TOKEN}, KEY: {file: \(file)}}\n"
  }

  private static let given =
    "env: {TOKEN: '${{ secrets.TOKEN }}', KEY: '${{ secrets.KEY }}', AUTH: 'Bearer ${{ secrets.TOKEN }}'}"

  /// Says it in every way, on both streams and in the outputs.
  private static let chatter = #"""
    set -x
    for secret in "$TOKEN" "$KEY" "$AUTH"; do
      printf '<%s>\n' "$secret"
      printf %s "${secret%??????????}"; printf %s "${secret#"${secret%??????????}"}"; echo
      printf '%s\n' "$secret" >&2
      printf %s "$secret" | base64
      printf u%s "$secret" | base64 -w 0 >&2
      printf us%s "$secret" | base64 -w 0 | tr +/ -_
      printf %s "$secret" | python3 -c '
    import sys, json, urllib.parse as u
    s = sys.stdin.read()
    for text in (u.quote(s), u.quote(s, safe=""), u.quote_plus(s), json.dumps(s), json.dumps(s, ensure_ascii=False),
                 json.dumps(s).replace("/", "\\/"), u.quote(s).lower() if s.islower() else u.quote(s)):
        print(text)
        print(text, file=sys.stderr)
    '
    done
    echo "token=$TOKEN" >> "$ASTRO_OUTPUT"
    printf 'key<<END\n%s\nEND\n' "$KEY" >> "$ASTRO_OUTPUT"
    """#

  private func indented(_ script: String) -> String {
    script.split(separator: "\n", omittingEmptySubsequences: false).map { "      \($0)" }.joined(separator: "\n")
  }

  /// A pass that has begun a task which has both secrets and waits at a gate.
  private func underway(
    _ tasks: (Gate) -> String
  ) throws -> (home: Home, file: String, gate: Gate, runner: Command) {
    let (home, file) = try prepared()
    let gate = try home.gate()
    try home.submit("\(declared(file))tasks:\n\(tasks(gate))")
    let runner = try home.start(["drain"], environment: environment)
    try gate.waitForTask()
    return (home, file, gate, runner)
  }

  private func expectNoTrace(_ home: Home, _ shown: String..., sourceLocation: SourceLocation = #_sourceLocation) throws
  {
    for canary in [short, long] {
      let found = try canary.traces(in: home) + shown.flatMap { canary.traces(in: $0, of: "what was shown") }
      #expect(found == [], sourceLocation: sourceLocation)
    }
  }

  /// What shows nothing proves nothing: each form is found where it is.
  @Test func `the search finds a secret in every form and place`() throws {
    let home = try Home()
    for canary in [short, long] {
      #expect(try canary.traces(in: home) == [])
      for (name, bytes) in canary.forms {
        try Data([0x78] + bytes + [0x78]).write(to: URL(fileURLWithPath: "\(home.path)/data/found"))
        #expect(try canary.traces(in: home).contains("data/found: \(name)"), "\(name)")
      }
      unlink("\(home.path)/data/found")
    }
    try home.drain("tasks: {a: {run: 'true'}}\n")
    try home.sql("UPDATE task SET reason = '\(short.value)'")
    #expect(try short.traces(in: home).contains("sqlite3 .dump: raw"))
    let process = try home.start("/bin/sh", ["-c", "read x", short.value], terminal: PseudoTerminal())
    try eventually("its arguments are seen") { short.tracesInArguments.contains("process \(process.pid): raw") }
  }

  @Test func `nothing of a secret is left anywhere, whatever a task does with it`() throws {
    let (home, file) = try prepared()
    defer { unlink(file) }
    let gate = try home.gate()
    let work = """
      name: secretive
      \(declared(file))
      tasks:
        says:
          \(Self.given)
          run: |
      \(indented(Self.chatter))
        fails:
          \(Self.given)
          retry: {attempts: 2, delay: 10ms}
          continue_on_error: true
          run: |
      \(indented(Self.chatter))
            exit 3
        waits:
          \(Self.given)
          run: |
            test "$AUTH" = "Bearer $TOKEN"
            \(gate.pass)
        reads:
          needs: [says]
          env: {T: '${{ tasks.says.outputs.token }}', K: '${{ tasks.says.outputs.key }}', S: '${{ tasks.says.stdout }}'}
          run: echo "$T $K"; echo "$S"; test -z "${TOKEN:-}"

      """
    let path = try home.made("secretive.yaml", work)
    let run = try home.start(["run", path], environment: environment, terminal: PseudoTerminal())
    try gate.waitForTask()
    for canary in [short, long] { #expect(canary.tracesInArguments == []) }
    gate.letOn()
    let ending = try run.finish()
    let status = try home.astro("status", "@latest")
    #expect(ending.code == 0, "\(ending.output) \(status.output)")
    #expect(status.output.contains("partial"), "\(status.output)")
    var shown = ending.output + status.output
    for verb in ["logs", "events", "explain"] {
      for arguments in [[verb, "@latest"], [verb, "@latest", "--json"]] {
        shown += try home.start(arguments).finish().output
      }
    }
    #expect(try home.astro("logs", "@latest", "reads", "--stdout").output.hasPrefix("*** ***\n"))
    #expect(try home.astro("logs", "@latest", "says", "--stdout").output.hasPrefix("<***>\n***\n***\n"))
    #expect(try home.astro("logs", "@latest", "fails", "--attempt", "2", "--stderr").output.contains("***"))
    try expectNoTrace(home, shown)
  }

  /// The runner that resolved them is gone; the one that takes the end cannot even resolve them.
  @Test func `the mask outlives the runner`() throws {
    let (home, file, gate, runner) = try underway { gate in
      """
        says:
          \(Self.given)
          run: |
            \(gate.pass)
      \(indented(Self.chatter))
        reads:
          needs: [says]
          env: {T: '${{ tasks.says.outputs.token }}', S: '${{ tasks.says.stdout }}'}
          run: echo "$T $S"

      """
    }
    defer { unlink(file) }
    try runner.kill()
    unlink(file)
    gate.letOn()
    #expect(try home.astro("drain").code == 0)
    #expect(try home.astro("logs", "@latest", "reads").output.hasPrefix("*** <***>\n"))
    try expectNoTrace(home)
  }

  /// What a lost attempt had written for others by itself was never masked.
  @Test func `the outputs of a lost attempt are removed`() throws {
    let (home, file, _, runner) = try underway { gate in
      """
        says:
          \(Self.given)
          run: |
            echo "token=$TOKEN" > "$ASTRO_OUTPUT"
            echo "$KEY"
            \(gate.pass)

      """
    }
    defer { unlink(file) }
    #expect(!(try short.traces(in: home)).isEmpty, "a task's own file is its own while it runs")
    let name = try #require(home.names(in: "data/runners").first { $0.hasSuffix(".warden") && !$0.hasPrefix(".") })
    let warden = try #require(Int32(try home.read("data/runners/\(name)").split(separator: " ")[1]))
    try runner.kill()
    try #require(Glibc.kill(warden, SIGKILL) == 0)
    #expect(try home.astro("drain").code == 1)
    #expect(try home.astro("status", "@latest").output.contains("lost"))
    try expectNoTrace(home)
  }

  @Test func `a task without its secret fails and says which`() throws {
    let home = try Home()
    try home.drain(
      """
      secrets: {TOKEN: {env: NO_SUCH_VARIABLE}, KEY: {file: keys/key}}
      tasks:
        a: {run: 'true', env: {T: '${{ secrets.TOKEN }}'}}
        b: {run: 'true', env: {K: '${{ secrets.KEY }}'}}
        c: {run: 'true'}

      """)
    let run = try home.run(in: "failed")
    #expect(try home.tasks(of: run) == ["a": "failed 1", "b": "failed 1", "c": "succeeded 1"])
    let explained = try home.astro("explain", "@latest", "a").output + home.astro("explain", "@latest", "b").output
    #expect(
      explained.contains("secret 'TOKEN' cannot be used: the runner's environment has no NO_SUCH_VARIABLE"),
      "\(explained)")
    #expect(
      explained.contains("secret 'KEY' cannot be used: \(home.path)/keys/key: No such file or directory"),
      "\(explained)")
    try home.write("hunter2 hunter2\n", to: "keys/key")
    #expect(try home.shell("chmod 600 keys/key; NO_SUCH_VARIABLE=12345678 $0 retry @latest").code == 0)
    let ending = try home.start(["drain"], environment: ["NO_SUCH_VARIABLE": "12345678"]).finish()
    #expect(ending.code == 0, "\(ending.errors)")
  }

  /// Else whoever can put a file into the spool could read what the runner can.
  @Test(.enabled(if: geteuid() == 0, "needs root, to be somebody else"))
  func `the runner's environment is not for workflows of others`() throws {
    let home = try Home()
    try home.write(
      """
      secrets: {TOKEN: {env: PATH}}
      tasks: {a: {run: 'true', env: {T: '${{ secrets.TOKEN }}'}}}

      """, to: ".submitted")
    try #require(chown("\(home.path)/.submitted", 12345, 0) == 0)
    try #require(rename("\(home.path)/.submitted", "\(home.path)/spool/work.yaml") == 0)
    try home.astro("drain")
    let errors = try #require(try home.receipt(in: "rejected")["errors"] as? [[String: Any]])
    #expect(errors.map { "\($0["message"] ?? "")" } == ["'12345' may not use the runner's environment"])
    #expect(errors.map { "\($0["line"] ?? "")" } == ["1"])
  }

  /// proc(5): the environment of a process that may not be dumped is root's.
  @Test(.enabled(if: geteuid() == 0, "needs root, to be somebody else"))
  func `no task can look into the runner`() throws {
    let home = try Home(in: "/tmp")
    let gate = try home.gate()
    try home.submit(
      "tasks: {a: {run: 'cat /proc/$(cat \"$ASTRO_HOME/runner\")/environ > out || echo refused > out; \(gate.pass)'}}\n"
    )
    try #require(home.shell("chown -R 54321 . && cp $0 ./astro && chmod 755 ./astro && chmod 711 .").code == 0)
    let runner = try home.start(
      "/usr/bin/setpriv", ["--reuid=54321", "--clear-groups", "sh", "-c", "echo $$ > runner; exec ./astro drain"],
      environment: environment)
    try gate.waitForTask()
    gate.letOn()
    #expect(try runner.finish().code == 0)
    #expect(try home.lines("out", of: home.run(in: "done")) == ["refused"])
  }
}
