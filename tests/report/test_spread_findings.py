"""The sentences about untrained networks: numbers worked by hand, and when nothing may be concluded from them."""

from grids import HE, sigma, spread

from pipeline.report.spread_findings import first_steps

TINY = sigma(1e-4)


def network(init, norm: str, gradient: float, replicate: int = 0):
    return spread(init, norm, replicate, [1.0, 1.0, 1.0], [gradient, 1.0, 1.0])


def test_a_first_step_is_the_rate_times_the_gradient_in_units_of_the_weights() -> None:
    """0.1 x 0.002 / 1e-4 = 2, and 0.1 x 0.02 / sqrt(2 / 200) = 0.02; gradients are averaged over replicates."""
    networks = [network(TINY, "none", 0.001), network(TINY, "none", 0.003, 1), network(HE, "none", 0.02)]
    assert first_steps(networks, 0.1, 200, ()) == (
        "Before training, one step at the largest learning rate (0.1) would move the weights of the first layer by "
        "these parts of their own standard deviation: without batch norm 0.02 for He, 2 for σ = 0.0001.",
    )


def test_where_the_settings_that_stayed_at_chance_have_the_smallest_steps_that_is_said_with_the_reason() -> None:
    networks = [network(TINY, "none", 2e-9), network(TINY, "before", 1e-3)]
    listed, smallest = first_steps(networks, 0.1, 3072, {(TINY, "none")})
    assert "without batch norm 2e-06 for σ = 0.0001; with batch norm 1 for σ = 0.0001." in listed
    assert smallest.startswith(
        "The settings with seeds at chance level have the smallest of these parts: at most 2e-06, against 1 and more "
    )


def test_where_they_have_not_nothing_is_concluded() -> None:
    networks = [network(TINY, "none", 2e-9), network(TINY, "before", 1e-3)]
    for stuck in ({(TINY, "before")}, {(TINY, "none"), (TINY, "before")}, set()):
        assert len(first_steps(networks, 0.1, 3072, stuck)) == 1


def test_a_setting_that_was_not_measured_is_left_out() -> None:
    (listed,) = first_steps([network(TINY, "none", 1e-3), network(HE, "before", 1e-3)], 0.1, 200, {(HE, "none")})
    assert "without batch norm 1 for σ = 0.0001; with batch norm 0.001 for He." in listed


def test_nothing_is_said_of_no_networks() -> None:
    assert first_steps([], 0.1, 10, ()) == ()
