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
    private let process = Machine.process

    /// - Throws: `storage`, naming who has it, or why there can be no lock.
    init(of path: String) throws(HPMError) {
        let name = path + "-writer"
        let descriptor = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw HPMError(
                .storage,
                "'\(name)', which says who writes the run, can't be written: \(String(cString: strerror(errno))); the folder must exist and be writable")
        }
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        if fcntl(descriptor, DescriptorLocks.set, &lock) != 0 {
            let reason = errno
            let owner = Self.owner(descriptor)
            close(descriptor)
            if reason == EACCES || reason == EAGAIN {
                if owner.process == "\(Machine.process)", owner.host == Machine.host {
                    throw HPMError(
                        .storage, "'\(path)' is open already in this process, since \(owner.since); close that population first")
                }
                throw HPMError(
                    .storage,
                    "'\(path)' is being written by process \(owner.process) on \(owner.host), since \(owner.since); wait until it ends, or stop it")
            }
            throw HPMError(
                .storage,
                "'\(name)' can't be locked: \(String(cString: strerror(reason))); the folder has no locks, as some network folders: keep the run's file on a local disk")
        }
        self.descriptor = descriptor
        Self.forks.add(descriptor)
        let text = Array("\(process)\n\(Machine.host)\n\(Machine.calendar(Machine.time))\n".utf8)
        ftruncate(descriptor, 0)
        pwrite(descriptor, text, text.count, 0)
    }

    deinit {
        // In a child of fork it is closed.
        guard process == Machine.process else { return }
        Self.forks.remove(descriptor)
        close(descriptor)
    }

    private static let forks = ClosedInForks()

    private static func owner(_ descriptor: Int32) -> (process: String, host: String, since: String) {
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        let lines = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count >= 3 else { return ("unknown", "an unknown machine", "an unknown time") }
        return (lines[0], lines[1], lines[2])
    }
}

/// Descriptors that a child of fork closes: a lock lasts as long as any process has its descriptor, and a child may
/// outlive the run.
private final class ClosedInForks: Sendable {
    /// Those that are open; what a child may do is too little for a list. More than these are kept by children.
    nonisolated(unsafe) private static let places: UnsafeMutablePointer<Atomic<Int32>> = {
        let places = UnsafeMutablePointer<Atomic<Int32>>.allocate(capacity: count)
        for place in 0..<count { (places + place).initialize(to: Atomic(-1)) }
        return places
    }()
    private static let count = 256

    init() {
        _ = Self.places
        pthread_atfork(nil, nil) {
            for place in 0..<ClosedInForks.count {
                let descriptor = ClosedInForks.places[place].exchange(-1, ordering: .relaxed)
                if descriptor >= 0 { close(descriptor) }
            }
        }
    }

    func add(_ descriptor: Int32) {
        for place in 0..<Self.count
        where Self.places[place].compareExchange(expected: -1, desired: descriptor, ordering: .relaxed).exchanged {
            return
        }
    }

    func remove(_ descriptor: Int32) {
        for place in 0..<Self.count
        where Self.places[place].compareExchange(expected: descriptor, desired: -1, ordering: .relaxed).exchanged {
            return
        }
    }
}
