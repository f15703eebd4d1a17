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
    /// The complementary error function.
    static func erfc(_ x: Double) -> Double { platformErfc(x) }
    static func pow(_ x: Double, _ y: Double) -> Double { platformPow(x, y) }

    /// Whether the process may have so much more memory now (limits of the process count, too).
    static func canAllocate(_ bytes: Int) -> Bool {
        guard let memory = malloc(bytes) else { return false }
        platformFree(memory)
        return true
    }

    /// The machine's memory in bytes; infinite where the system does not say.
    static func physicalMemory() -> Double {
        let (pages, size) = (sysconf(Int32(_SC_PHYS_PAGES)), sysconf(Int32(_SC_PAGESIZE)))
        return pages > 0 && size > 0 ? Double(pages) * Double(size) : .infinity
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
private func platformErfc(_ x: Double) -> Double { erfc(x) }
private func platformPow(_ x: Double, _ y: Double) -> Double { pow(x, y) }
private func platformFree(_ memory: UnsafeMutableRawPointer) { free(memory) }
