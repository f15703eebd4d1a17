import HPM
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Who may write a run's file: one process, and one population in it. A lock on the file NAME-writer, which the system
/// takes back when the process ends in whatever way. The file says who has it.
///
/// SQLite's own lock would last for a transaction only, and says nothing of who has it.
struct WriterLock: ~Copyable {
    private let descriptor: Int32
    private let key: Key
    private let process = Machine.process

    /// A file by what the system knows it by, so that two names of one file are one.
    private struct Key: Hashable {
        let device: UInt64
        let file: UInt64
    }

    /// A process is never refused a lock that it has, so those of this one are remembered: by file the process, since
    /// a child of fork inherits the list and not the locks.
    private static let held = Mutex<[Key: Int]>([:])

    /// Whether it was free in this process.
    private static func hold(_ key: Key) -> Bool {
        held.withLock { $0.updateValue(Machine.process, forKey: key) != Machine.process }
    }

    private static func release(_ key: Key) {
        _ = held.withLock { $0.removeValue(forKey: key) }
    }

    /// - Throws: `storage`, naming who has it, or why there can be no lock.
    init(of path: String) throws(HPMError) {
        let name = path + "-writer"
        let descriptor = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw HPMError(
                .storage,
                "'\(name)', which says who writes the run, can't be written: \(String(cString: strerror(errno))); the folder must exist and be writable")
        }
        var status = stat()
        fstat(descriptor, &status)
        let key = Key(device: UInt64(truncatingIfNeeded: status.st_dev), file: UInt64(status.st_ino))
        // Closing a descriptor ends all locks that this process has on the file, so it is not closed where it has one.
        guard Self.hold(key) else {
            let owner = Self.owner(descriptor)
            throw HPMError(.storage, "'\(path)' is open already in this process, since \(owner.since); close that population first")
        }
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        if fcntl(descriptor, F_SETLK, &lock) != 0 {
            let reason = errno
            let owner = Self.owner(descriptor)
            close(descriptor)
            Self.release(key)
            if reason == EACCES || reason == EAGAIN {
                throw HPMError(
                    .storage,
                    "'\(path)' is being written by process \(owner.process) on \(owner.host), since \(owner.since); wait until it ends, or stop it")
            }
            throw HPMError(
                .storage,
                "'\(name)' can't be locked: \(String(cString: strerror(reason))); the folder has no locks, as some network folders: keep the run's file on a local disk")
        }
        self.descriptor = descriptor
        self.key = key
        let text = Array("\(process)\n\(Machine.host)\n\(Machine.calendar(Machine.time))\n".utf8)
        ftruncate(descriptor, 0)
        pwrite(descriptor, text, text.count, 0)
    }

    deinit {
        // A child that was forked has the descriptor but not the lock.
        if process == Machine.process { Self.release(key) }
        close(descriptor)
    }

    private static func owner(_ descriptor: Int32) -> (process: String, host: String, since: String) {
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        let lines = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count >= 3 else { return ("unknown", "an unknown machine", "an unknown time") }
        return (lines[0], lines[1], lines[2])
    }
}
