import AstroCore
import Testing

@testable import AstroSandbox

@Suite struct SandboxOrderTests {
  private func order(_ code: SandboxOrder.Code = .text("print('\u{1F600}')\n\"$x\"\\")) -> SandboxOrder {
    var rules = SandboxRules(engine: .podman, image: "localhost/x:1", memory: 1 << 40, processes: 7)
    rules.cpus = 0.5
    rules.sharesNetwork = true
    var order = SandboxOrder(
      code, in: "python", rules: rules, runFiles: "/r/files", output: "/r/.output-a.1", folder: "/r/tasks/a/1",
      memory: "/data/engines")
    order.files = ["a b", "d/e"]
    order.arguments = ["", "-x", "\n"]
    order.input = "in\0put"
    order.environment = ["A": "1", "B": ""]
    order.user = .init(uid: 4_294_967_294, gid: 7)
    return order
  }

  @Test func anOrderArrivesAsItWasGiven() {
    let orders = [order(), order(.file("d/x.py"))]
    for order in orders { #expect(SandboxOrder(parsing: Array(order.text.utf8)) == order) }
    var bare = SandboxOrder(
      .text(""), in: "sh", rules: .init(), runFiles: "/", output: nil, folder: "/f", memory: "/m")
    #expect(SandboxOrder(parsing: Array(bare.text.utf8)) == bare)
    bare.isTrial = true
    #expect(SandboxOrder(parsing: Array(bare.text.utf8)) == bare)
  }

  @Test func anythingElseIsNoOrder() {
    for text in ["", "{}", "[]", "null", #"{"code":"x"}"#, String(order().text.dropLast(2))] {
      #expect(SandboxOrder(parsing: Array(text.utf8)) == nil)
    }
    for user in ["[1]", "[1,-1]", "[4294967296,1]", "1", #"["1","1"]"#] {
      let text = order().text.replacing("[4294967294,7]", with: user)
      #expect(text.contains("\"user\":\(user)"))
      #expect(SandboxOrder(parsing: Array(text.utf8)) == nil, "\(user)")
    }
  }

  @Test func theEnvironmentInsideHasPlacesOfItsOwn() {
    var order = order()
    order.environment = ["PATH": "/evil", "HOME": "/root", "ASTRO_RUN_DIR": "/data", "ASTRO_OUTPUT": "/o", "K": "v"]
    #expect(
      order.innerEnvironment == [
        "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/work", "TMPDIR": "/tmp", "ASTRO_RUN_DIR": "/work",
        "ASTRO_OUTPUT": "/run/astro/output", "K": "v",
      ])
  }

  @Test func languagesHaveUsualNames() {
    #expect(CodeLanguage("Python3")?.name == "python")
    #expect(CodeLanguage("js")?.name == "javascript")
    #expect(CodeLanguage("shell")?.name == "sh")
    #expect(CodeLanguage("cobol") == nil)
    #expect(CodeLanguage.names == CodeLanguage.names.sorted())
  }
}
