//! What the test logs, as the Python script of the article does.

/// As `mlflow.log_param` writes them: text.
pub(super) const PARAMS: [(&str, &str); 7] = [
    ("backend", "tcp"),
    ("prompt_tokens", "128"),
    ("max_tokens", "128"),
    ("concurrency", "1"),
    ("engine", "vllm"),
    ("model", "test-model"),
    ("test_type", "connectivity"),
];

pub(super) const METRICS: [(&str, f64); 7] = [
    ("ttft_mean", 100.5),
    ("ttft_p50", 98.2),
    ("ttft_p95", 120.3),
    ("ttft_p99", 145.7),
    ("tpot_mean", 10.2),
    ("tpot_p50", 9.8),
    ("throughput_tokens_per_sec", 500.0),
];

/// Beside `timestamp`.
pub(super) const TAGS: [(&str, &str); 2] = [("phase", "blog-01"), ("test", "connectivity")];

/// Before the timestamp in the run's name.
pub(super) const RUN_NAME: &str = "connectivity_test_";
