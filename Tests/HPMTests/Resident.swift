#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The pages of memory that the process holds; 0 where the system does not say.
func residentPages() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var text = [CChar](repeating: 0, count: 256)
    guard fgets(&text, 256, file) != nil else { return 0 }
    let words = text.prefix { $0 != 0 }.map { Character(UnicodeScalar(UInt8($0))) }.split(separator: " ")
    return words.count > 1 ? Int(String(words[1])) ?? 0 : 0
}
