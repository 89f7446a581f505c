//! Which partition of `__consumer_offsets` a group lives in.
//!
//! Source: Kafka takes `Utils.abs(groupId.hashCode()) % partitions`, with `String.hashCode` of the
//! Java language specification: over the UTF-16 code units `s`, `31 * hash + s` in 32 bits.

/// Returns the partition of a group among `partitions`, which is at least 1.
pub(super) fn partition_of(group_id: &str, partitions: i32) -> i32 {
    // The smallest hash has no absolute value; Kafka counts it as 0.
    java_hash(group_id).checked_abs().unwrap_or(0) % partitions.max(1)
}

fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(unit.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, hash: i32, partition_of_50: i32) {
        assert_eq!(java_hash(text), hash, "{text}");
        assert_eq!(partition_of(text, 50), partition_of_50, "{text}");
    }

    #[test]
    fn hash_is_that_of_java_strings() {
        check("", 0, 0);
        check("a", 97, 47);
        check("hello", 99_162_322, 22);
        check("Hello, World!", 1_498_789_909, 9);
        check("polygenelubricants", i32::MIN, 0);
        check("ü", 252, 2);
        check("😀", 1_772_899, 49);
        check("connect-cluster", 1_440_343_063, 13);
        check("schema-registry", -2_135_014_679, 29);
    }

    #[test]
    fn partition_is_never_negative() {
        for group in ["connect-cluster", "schema-registry", "console-consumer-12345", "Я"] {
            assert!((0..50).contains(&partition_of(group, 50)), "{group}");
        }
    }
}
