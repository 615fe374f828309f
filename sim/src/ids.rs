//! Native ids: what the PACS itself calls a thing. They are never reused, so that a late act by native id can
//! only ever miss.

use std::collections::BTreeMap;

/// Native ids of one kind of thing, both ways: id → external key and external key → id.
#[derive(Debug)]
pub(crate) struct Registry<K> {
    prefix: &'static str,
    last: u64,
    by_native: BTreeMap<String, K>,
    by_key: BTreeMap<K, String>,
}

impl<K: Ord + Clone> Registry<K> {
    /// An empty registry whose ids are `prefix` and a number.
    pub(crate) fn new(prefix: &'static str) -> Self {
        Self { prefix, last: 0, by_native: BTreeMap::new(), by_key: BTreeMap::new() }
    }

    /// Gives `key` a new native id. The caller has checked that `key` has none.
    pub(crate) fn insert(&mut self, key: K) -> String {
        self.last += 1;
        let native = format!("{}{}", self.prefix, self.last);
        self.by_native.insert(native.clone(), key.clone());
        self.by_key.insert(key, native.clone());
        native
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if let Some(native) = self.by_key.remove(key) {
            self.by_native.remove(&native);
        }
    }

    pub(crate) fn key(&self, native: &str) -> Option<&K> {
        self.by_native.get(native)
    }

    pub(crate) fn native(&self, key: &K) -> Option<&str> {
        self.by_key.get(key).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::Registry;

    #[test]
    fn an_id_is_never_given_twice() {
        let mut ids = Registry::new("p");
        let first = ids.insert("PA1");
        ids.remove(&"PA1");
        assert_eq!(ids.key(&first), None);
        let second = ids.insert("PA1");
        assert_ne!(first, second);
        assert_eq!(ids.native(&"PA1"), Some(second.as_str()));
    }
}
