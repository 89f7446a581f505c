//! Records of `__transaction_state`, as Kafka's transaction coordinator writes them.
//!
//! A key and a value each begin with their version, an `i16`, as in [`crate::group_records`].
//! Source: Kafka's schemas of these names.
//!
//! | status | | status | |
//! |---|---|---|---|
//! | 0 | empty | 4 | commit complete |
//! | 1 | ongoing | 5 | abort complete |
//! | 2 | prepared to commit | 6 | dead |
//! | 3 | prepared to abort | 7 | prepared to fence |

use crate::NEVER;
use crate::message::messages;

messages! {
    /// Names a transactional producer.
    message TransactionLogKey: 0..=0, flexible NEVER {
        /// Transactional id of the producer.
        transactional_id: String;
    }

    /// The state of a transactional producer.
    message TransactionLogValue: 0..=1, flexible 1 {
        /// Id of the producer.
        producer_id: i64;
        /// Id that the producer had before, or -1.
        previous_producer_id: i64 = -1, in 1.., tag 0;
        /// Id that the producer was given last, or -1.
        next_producer_id: i64 = -1, in 1.., tag 1;
        /// Epoch of the producer.
        producer_epoch: i16;
        /// How long a transaction may stay open.
        transaction_timeout_ms: i32;
        /// Status, see the table above.
        transaction_status: i8;
        /// Partitions of the open transaction; null when there is none.
        transaction_partitions: Option<Vec<PartitionsSchema>> = Some(Vec::new());
        /// When the state last changed, in ms.
        transaction_last_update_timestamp_ms: i64;
        /// When the transaction began, in ms, or -1.
        transaction_start_timestamp_ms: i64;
        /// Transaction version that the client uses.
        client_transaction_version: i16, in 1.., tag 2;
    }

    /// Partitions of one topic.
    struct PartitionsSchema {
        /// Name of the topic.
        topic: String;
        /// Numbers of the partitions.
        partition_ids: Vec<i32>;
    }
}
