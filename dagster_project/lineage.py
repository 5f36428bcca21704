"""Which table is made from which, as the graph of assets says it: for readers that know nothing of Dagster."""


def edges() -> list[tuple[str, str]]:
    """Pairs (from, to) of asset keys joined by dots, sorted."""
    from dagster_project.definitions import defs

    graph = defs.resolve_asset_graph()
    pairs = {
        (".".join(parent.path), ".".join(key.path))
        for key in graph.get_all_asset_keys()
        for parent in graph.get(key).parent_keys
    }
    return sorted(pairs)
