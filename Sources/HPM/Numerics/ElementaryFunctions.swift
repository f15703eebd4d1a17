#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The C library's functions that the core needs, in one place because their module differs by
/// platform.
enum Elementary {
    static func exp(_ x: Double) -> Double { platformExp(x) }
    static func log(_ x: Double) -> Double { platformLog(x) }
    static func tanh(_ x: Double) -> Double { platformTanh(x) }
    static func cos(_ x: Double) -> Double { platformCos(x) }
    static func pow(_ x: Double, _ y: Double) -> Double { platformPow(x, y) }

    /// The machine's memory in bytes.
    static func physicalMemory() -> Double {
        Double(sysconf(Int32(_SC_PHYS_PAGES))) * Double(sysconf(Int32(_SC_PAGESIZE)))
    }
}

/// A clock that never goes back.
public enum MonotonicClock {
    public static func seconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}

// Members of the same name would shadow the C functions inside the enum.
private func platformExp(_ x: Double) -> Double { exp(x) }
private func platformLog(_ x: Double) -> Double { log(x) }
private func platformTanh(_ x: Double) -> Double { tanh(x) }
private func platformCos(_ x: Double) -> Double { cos(x) }
private func platformPow(_ x: Double, _ y: Double) -> Double { pow(x, y) }
