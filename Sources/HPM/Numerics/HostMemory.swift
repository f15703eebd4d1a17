#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Memory of large vectors.
public enum HostMemory {
    private static let hugePage = 1 << 21

    /// Zeros. Large vectors lie on huge pages where the system has them: to touch a new vector for the
    /// first time costs several times less than on small ones.
    public static func allocateZeros<Element: HostElement>(_ count: Int) -> UnsafeMutablePointer<Element>? {
        let size = count * MemoryLayout<Element>.stride
        let isLarge = size >= 2 * hugePage
        let rounded = isLarge ? (size + hugePage - 1) / hugePage * hugePage : size
        var memory: UnsafeMutableRawPointer?
        guard posix_memalign(&memory, isLarge ? hugePage : 64, rounded) == 0, let memory else {
            return nil
        }
        #if os(Linux)
        if isLarge { _ = madvise(memory, rounded, MADV_HUGEPAGE) }
        #endif
        memset(memory, 0, size)
        return memory.bindMemory(to: Element.self, capacity: count)
    }

    public static func free(_ memory: UnsafeMutableRawPointer) {
        platformFree(memory)
    }
}

private func platformFree(_ memory: UnsafeMutableRawPointer) { free(memory) }
