import AstroCore
import Glibc
import Testing

@testable import AstroSandbox

@Suite struct ContainerCommandTests {
  private func command(
    _ engine: SandboxRules.Engine = .docker, _ change: (inout SandboxOrder) -> Void = { _ in }
  ) throws -> ContainerCommand {
    var order = SandboxOrder(
      .file("d/x.py"), in: "python", rules: SandboxRules(image: "img"), runFiles: "/r/files", output: "/r/out",
      folder: "/r/tasks/a/1", memory: "/m")
    order.user = .init(uid: 7, gid: 8)
    change(&order)
    return ContainerCommand(
      engine: engine, program: "/usr/bin/\(engine.rawValue)", order: order,
      language: try #require(CodeLanguage("python")),
      name: "astro-1")
  }

  @Test func nothingIsAllowedThatNobodyAskedFor() throws {
    let words = try command().words
    for word in [
      "--pull=never", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--network=none",
      "--user=7:8", "--memory=536870912b", "--memory-swap=536870912b", "--pids-limit=128", "--ulimit=core=0:0",
      "--tmpfs=/work:size=67108864,mode=1777", "type=bind,source=/r/files/d/x.py,target=/work/d/x.py,readonly",
      "type=bind,source=/r/out,target=/run/astro/output",
    ] { #expect(words.contains(word), "\(word)") }
    #expect(!words.contains("--rm"))
    #expect(words.suffix(4) == ["--entrypoint", "python3", "img", "/work/d/x.py"])
    #expect(try command { $0.rules.sharesNetwork = true }.words.contains("--network=host"))
  }

  @Test func secretsAreNoArgumentsAndSteerNoClient() throws {
    let command = try command {
      $0.environment = ["TOKEN": "hidden-value", "LD_PRELOAD": "/evil.so", "DOCKER_HOST": "tcp://evil"]
    }
    let words = try command.words
    #expect(!words.contains { $0.contains("hidden-value") })
    #expect(words.contains("TOKEN"))
    #expect(words.contains("LD_PRELOAD=/evil.so"))
    let environment = command.environment(["PATH": "/bin"])
    #expect(environment["TOKEN"] == "hidden-value")
    #expect(environment["LD_PRELOAD"] == nil)
    #expect(environment["DOCKER_HOST"] == nil)
    #expect(environment["PATH"] == "/bin")
  }

  @Test func aPathThatNoMountCanHoldIsRefused() throws {
    let refused = try command { $0.files = ["a,readonly=false"] }
    #expect {
      _ = try refused.words
    } throws: {
      ($0 as? SandboxRefusal)?.reason == "/r/files/a,readonly=false holds a comma or a quote, which no mount can"
    }
  }
}
