public import AstroCore
import CLinux
import Glibc

/// The kernel's clocks: CLOCK_REALTIME for what people read, CLOCK_BOOTTIME for what is measured.
public struct SystemClock: AstroCore.Clock {
  public init() {}

  public func now() -> Moment {
    var wall = timespec()
    clock_gettime(CLOCK_REALTIME, &wall)
    return Moment(
      wall: Timestamp(microseconds: Int64(wall.tv_sec) * 1_000_000 + Int64(wall.tv_nsec) / 1000),
      boot: clinux_boot_microseconds())
  }
}
