//! `InitProducerId`: gives an idempotent or transactional producer its id and epoch.

use crate::message::messages;

messages! {
    /// Asks for a producer id.
    request InitProducerIdRequest: 0..=6, flexible 2, api InitProducerId -> InitProducerIdResponse {
        /// Transactional id; null for a producer that is only idempotent.
        transactional_id: Option<String> = Some(String::new());
        /// How long a transaction may stay open.
        transaction_timeout_ms: i32;
        /// Id that the producer has, or -1.
        producer_id: i64 = -1, in 3..;
        /// Epoch that the producer has, or -1.
        producer_epoch: i16 = -1, in 3..;
        /// Whether an outside coordinator decides the transactions (KIP-939).
        enable_2_pc: bool, in 6..;
        /// Whether to keep a transaction that is prepared.
        keep_prepared_txn: bool, in 6..;
    }

    /// Gives a producer id.
    message InitProducerIdResponse: 0..=6, flexible 2 {
        /// How long the client was throttled.
        throttle_time_ms: i32;
        /// Error code, or 0.
        error_code: i16;
        /// Id of the producer.
        producer_id: i64 = -1;
        /// Epoch of the producer.
        producer_epoch: i16;
        /// Id of the transaction that was kept, or -1.
        ongoing_txn_producer_id: i64 = -1, in 6..;
        /// Epoch of the transaction that was kept, or -1.
        ongoing_txn_producer_epoch: i16 = -1, in 6..;
    }
}
