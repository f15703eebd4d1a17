import CSQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Locks that belong to an open file and not to the process. The others, which SQLite takes, are lost without a word when
/// anybody in the process closes the same file, as a notebook does that reads a run with another copy of SQLite: a
/// program that looks at the file would then take the write-ahead log away from under the run.
public enum DescriptorLocks {
    #if os(Linux)
    /// Of <fcntl.h>; macOS keeps its own for itself.
    static let (get, set): (Int32, Int32) = (36, 37)
    #else
    static let (get, set): (Int32, Int32) = (F_GETLK, F_SETLK)
    #endif

    /// Makes this copy of SQLite take them. For the shared library, whose copy nobody else uses; called before it opens
    /// anything, once or often.
    public static func useForSQLite() {
        #if os(Linux)
        _ = isUsed
        #endif
    }

    #if os(Linux)
    private static let isUsed: Bool = {
        // A variadic function in C; on Linux its arguments come as those of any other.
        let control: @convention(c) (Int32, Int32, UnsafeMutableRawPointer?) -> Int32 = { descriptor, command, argument in
            guard command == F_SETLK || command == F_GETLK, let argument else {
                return fcntl(descriptor, command, Int32(truncatingIfNeeded: Int(bitPattern: argument)))
            }
            argument.assumingMemoryBound(to: flock.self).pointee.l_pid = 0
            return fcntl(descriptor, command == F_SETLK ? DescriptorLocks.set : DescriptorLocks.get, argument)
        }
        guard let system = sqlite3_vfs_find("unix"), let replace = system.pointee.xSetSystemCall else { return false }
        return replace(system, "fcntl", unsafeBitCast(control, to: sqlite3_syscall_ptr.self)) == SQLITE_OK
    }()
    #endif
}
