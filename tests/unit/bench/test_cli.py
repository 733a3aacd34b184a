"""The names that the command line knows before anything is loaded are the real ones."""


def test_the_names_known_before_loading_are_the_real_ones():
    from bench import arguments, costs
    from bench.studies.roofline import networks as works
    from bench.worlds import defence as controls
    from bench.worlds import world as worlds
    from bench.worlds.data import digits as embedded
    from bench.worlds.training import train
    from runtime import network, plugins
    from runtime.diffusion import denoise, schedule

    assert (*worlds.DEFAULTS,) == arguments.WORLDS and (*schedule.RULES,) == arguments.RULES
    assert (*network.DTYPES, "int8") == arguments.PRECISIONS and set(arguments.DENOISERS) <= denoise.DENOISERS.keys()
    assert embedded.TASKS == arguments.TASKS and set(arguments.TRAINED) == set(train.ORDER) - {"teacher"}
    assert (*works.WORKS,) == costs.WORKS and set(controls.CONTROLS) < set(costs.STEPPED)
    assert {name.split("-")[0] for name in costs.STEPPED} - {"identity", *controls.CONTROLS} < set(denoise.DENOISERS)
    assert set(arguments.COMMANDS) == set(plugins.names("bench.commands"))
