//! `status` and `events`: where the stream stands, and what gateways said.

use super::show::print_table;
use anyhow::Result;
use contract::messages::{ExportState, State};
use doorward_source::store::{Head, Store};
use serde_json::{Map, Value, json};

/// Shows where the stream stands and each gateway's last state.
pub(crate) fn status(store: &Store, as_json: bool) -> Result<()> {
    let Head { version, root } = store.head()?;
    let (kinds, outgoing) = (store.kinds()?, store.outgoing_count()?);
    let (events, gateways) = (store.event_count()?, store.gateways()?);
    if as_json {
        let mut states = Map::new();
        for found in gateways {
            let state: Value = serde_json::from_str(&found.state)?;
            states.insert(found.gateway, json!({"received_at": found.received_at, "state": state}));
        }
        let kinds: Map<String, Value> = kinds.into_iter().map(|(kind, n)| (kind, n.into())).collect();
        let (epoch, seq) = (version.epoch, version.seq);
        println!(
            "{}",
            json!({"epoch": epoch, "seq": seq, "root": root, "records": kinds, "outgoing": outgoing,
                "events": events, "gateways": states})
        );
        return Ok(());
    }
    println!("version   {version}\nroot      {root}");
    let kinds: Vec<String> = kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    println!("records   {}", if kinds.is_empty() { "none".into() } else { kinds.join(", ") });
    println!("outgoing  {outgoing} messages that the broker has not acknowledged");
    println!("events    {events} received");
    let mut table = vec![["GATEWAY", "HEARD", "ONLINE", "IN SYNC", "AT", "REFUSED"].map(String::from)];
    let mut held = Vec::new();
    for found in gateways {
        let state: State = serde_json::from_str(&found.state)?;
        held.extend(state.detail.as_ref().map(|detail| words_to_say(&found.gateway, &detail.export)));
        let yes = |yes: bool| if yes { "yes" } else { "no" }.to_string();
        let detail = state.detail.as_ref();
        table.push([
            found.gateway,
            found.received_at.to_string(),
            yes(state.online),
            detail.map(|d| yes(d.in_sync)).unwrap_or_default(),
            detail.map(|d| d.head.to_string()).unwrap_or_default(),
            detail.map(|d| d.refused.to_string()).unwrap_or_default(),
        ]);
    }
    if table.len() > 1 {
        println!();
        print_table(&table);
    }
    print!("{}", held.concat());
    Ok(())
}

/// What waits for somebody's word at a gateway, a line each, with the command that gives it.
fn words_to_say(gateway: &str, export: &ExportState) -> String {
    let approve = |hash: &str| format!("doorward-source approve --gateway {gateway} {hash}");
    let removals = export.held_removals.as_ref().map(|held| {
        let (persons, items, limit) = (held.persons, held.items, held.limit_persons);
        format!(
            "{gateway}: {items} removals of {persons} persons are held: edits took more than {limit} persons in \
             24 hours; if that is meant: {}\n",
            approve(&held.hash)
        )
    });
    let adoptions = export.adoptions.as_ref().map(|found| {
        let persons = found.persons;
        let approve = approve(&found.hash);
        format!("{gateway}: {persons} persons were found in the PACS; to take them over: {approve}\n")
    });
    removals.into_iter().chain(adoptions).collect()
}

/// Shows the newest `limit` events, oldest first.
pub(crate) fn events(store: &Store, limit: u64, as_json: bool) -> Result<()> {
    let mut table = vec![["GATEWAY", "STREAM", "SEQ", "AT", "EVENT"].map(String::from)];
    for event in store.events(limit)? {
        if as_json {
            let body: Value = serde_json::from_str(&event.body)?;
            println!(
                "{}",
                json!({"gateway": event.gateway, "stream": event.stream, "seq": event.seq,
                    "at": event.at, "received_at": event.received_at, "event": body})
            );
        } else {
            table.push([
                event.gateway,
                event.stream,
                event.seq.to_string(),
                event.at.to_string(),
                event.body,
            ]);
        }
    }
    if !as_json {
        print_table(&table);
    }
    Ok(())
}
