public import AstroConfiguration
import Glibc

extension Home {
  /// Makes `data/` and `data/runs/` where they are missing, with their modes whatever the umask. That it fails shows when
  /// something is to be written there. A crash in between leaves a directory that others cannot pass through to the metrics:
  /// chmod(1) mends it.
  public func makeDirectories() {
    if mkdir(data, 0o700) == 0 { chmod(data, Self.dataMode) }
    mkdir(runs, 0o700)
  }
}
