"""What can be read on the command line, but breaks a rule; and what does not fit the data."""

VALUES: dict[str, str] = {
    "dropout --p 0": "--p: the probability to keep a unit must lie in (0, 1], got 0.0",
    "dropout --p 1.5": "--p: the probability to keep a unit must lie in (0, 1], got 1.5",
    "dropout --p nan": "--p: the probability to keep a unit must lie in (0, 1], got nan",
    "dropout --p 1 --convention cmu": "--convention: the probability to drop a unit must lie in [0, 1), got 1.0",
    "dropout --p -0.5 --convention cmu": "--p, --convention: the probability to drop a unit must lie in [0, 1), got -0.5",
    "width --keep 0": "--keep: keep must be a probability in (0, 1], got 0.0",
    "skip --hidden 50 50 50 50 40 50": "--hidden: skip 3-5 must join layers of equal width, got (50, 40)",
    "skip --skips 1:3": "--skips: skips must be two hidden layers such as 1-3, got '1:3'",
    "skip --skips 1-3-5": "--skips: skips must be two hidden layers such as 1-3, got '1-3-5'",
    "skip --skips 5-7": "--skips: skips must lead from one of the hidden layers 1..6 to a later one, got (5, 7)",
    "skip --skips": "--skips: skips must be different, and at least one, got ()",
    "skip --skips 1-3 1-3": "--skips: skips must be different, and at least one, got ('1-3', '1-3')",
    "width --schedule step": "--schedule: decay must be a factor in (0, 1] with schedule step, got None",
    "width --schedule step --decay 0.1": "--schedule, --decay: decay every must be a positive number of epochs with schedule step, got None",
    "width --schedule exponential --decay 2": "--schedule, --decay: decay must be a factor in (0, 1] with schedule exponential, got 2.0",
    "width --decay 0.5": "--decay: decay belongs to schedule step or exponential, not to triangular, got 0.5",
    "width --schedule exponential --decay 0.9 --decay-every 2": "--schedule, --decay, --decay-every: decay every belongs to schedule step, not to exponential, got 2",
    "width --schedule cosine --step-size 1 --cycles 1 --warm-up 2": "--schedule, --step-size, --warm-up: warm up must be epochs, fewer than the 2 of the run, got 2",
    "width --warm-up 1": "--warm-up: warm up belongs to schedule cosine, not to triangular, got 1",
    "optimizers --etas.values 1e-6": "--etas.values: etas must be at least eta min, 1e-05, got (1e-06,)",
    "optimizers --etas.values 0.1 0": "--etas.values: eta max must be a positive number, got 0.0",
    "optimizers --etas.values 0.1 0.1": "--etas.values: etas must be different, got (0.1, 0.1)",
    "optimizers --tuning-replicates 0": "--tuning-replicates: tuning replicates must be a positive integer, got 0",
    "optimizers --names": "--names: optimizer must be different, and at least one, got ()",
    "width --units 5 5": "--units: units per layer must be different, and at least one, got ('5 units', '5 units')",
    "dropout --p 0.5 0.5": "--p: dropout must be different, and at least one, got ('keep 0.5', 'keep 0.5')",
    "batch-norm --places": "--places: batch norm must be different, and at least one, got ()",
    "batch-norm --statistics": "--statistics: statistics must be at least one, got ()",
    "batch-size --batch-sizes": "--batch-sizes: batch size must be different, and at least one, got ()",
    "weight-scale --sigma.values 1e-50 1": "--sigma.values: sigma must lie within 1e-37 to 1e+37, as float32 does, got 1e-50",
    "weight-scale --sigma.values": "--sigma.values: weight scale σ must be different, and at least one, got ()",
    "weight-scale --sigma.log-range 1e-4 1 0": "--sigma.log-range: number of sigma values must be a positive integer, got 0",
    "overfit --networks": "--networks: network must be different, and at least one, got ()",
    "overfit --networks 5-x": "--networks: networks must be hidden sizes such as 50-30, got '5-x'",
    "two-layer --cycles 3 --step-size 8": (
        "--cycles, --step-size: schedule must be different, and at least one, got ('3 cycles of 16 epochs', "
        "'3 cycles of 16 epochs')"
    ),
    "augmentation --shift 0": "--shift: augmentation must have levels that differ, got …",
    "best-network --hidden 50 50": "--hidden: network must be different, and at least one, got …",
    "best-network --jitter.no-mirror --jitter.shift 0 --jitter.rotation 0 --jitter.zoom 0": (
        "--jitter.no-mirror, --jitter.shift, --jitter.rotation, --jitter.zoom: network must have levels that "
        "differ, got …"
    ),
    "best-network --p 1": "--p: network must have levels that differ, got …",
    "best-network --patience 2": "--patience: network must have levels that differ, got …",
    "best-network --jittered-lambda -1": "--jittered-lambda: jittered lambda must be a number >= 0, got -1.0",
    "best-network --jittered-lambda inf": "--jittered-lambda: jittered lambda must be a number >= 0, got inf",
    "best-network --p 0": "--p: keep must be a probability in (0, 1], got 0.0",
    "width --train-rows 0": "--train-rows: train rows must be a positive integer, got 0",
    "overfit --train-rows 20": "--train-rows: batch size must not exceed the 20 training rows, got 25",
    "width --layers 1": "--layers: layers must be at least 2, got 1",
    "width --units 0": "--units: hidden sizes must be a positive integer, got 0",
    "width --replicates 0": "--replicates: replicates must be a positive integer, got 0",
    "width --l2-factor 2": "--l2-factor: l2 factor must be 1 (lambda * sum W^2, DD2424) or 0.5 (CS231n), got 2.0",
    "training-stats --num-bn-layers 0": (
        "--num-bn-layers: num bn layers must lie in 1..2, the hidden layers (for none of them: batch norm none), got 0"
    ),
    "training-stats --num-bn-layers 3": (
        "--num-bn-layers: num bn layers must lie in 1..2, the hidden layers (for none of them: batch norm none), got 3"
    ),
    "batch-norm --precise-rows 0": "--precise-rows: rows of precise statistics must be a positive integer, got 0",
    "batch-norm --precise-per-epoch -1": "--precise-per-epoch: per epoch must be at least 0, got -1",
    "batch-norm --test-augment.zoom 1": "--test-augment.zoom: zoom must lie in [0, 1), got 1.0",
    "width --augment.shift -1": "--augment.shift: shift must be pixels, at least 0, got -1",
    "width --augment.rotation 200": "--augment.rotation: rotation must be degrees in [0, 180], got 200.0",
    "init-sensitivity --sigma.values 0": "--sigma.values: sigma must be a positive number, got 0.0",
    "init-sensitivity --sigma.values 0.1 -1": "--sigma.values: sigma must be a positive number, got -1.0",
    "init-sensitivity --sigma.values nan": "--sigma.values: sigma must be a positive number, got nan",
    "init-sensitivity --sigma.values inf": "--sigma.values: sigma must be a positive number, got inf",
    "init-sensitivity --sigma.values 0.1 0.01 0.1": "--sigma.values: sigma values must be different, and at least one, got (0.1, 0.01, 0.1)",
    "init-sensitivity --sigma.values": "--sigma.values: sigma values must be different, and at least one, got ()",
    "init-sensitivity --sigma.log-range 1 1e-5 16": "--sigma.log-range: sigma range must be two positive numbers, the lower first, got (1.0, 1e-05)",
    "init-sensitivity --sigma.log-range 1e-5 1e0 0": "--sigma.log-range: number of sigma values must be a positive integer, got 0",
    "init-sensitivity --sigma.log-range 0 1 4": "--sigma.log-range: sigma range must be two positive numbers, the lower first, got (0.0, 1.0)",
    "init-sensitivity --sigma.log-range 1 1 4": "--sigma.log-range: sigma range must be two positive numbers, the lower first, got (1.0, 1.0)",
    "init-sensitivity --sigma.log-range 1 1.0001 4": (
        "--sigma.log-range: sigma range must hold 4 values that differ in 4 significant digits, got (1.0, 1.0001)"
    ),
    "init-sensitivity --batch-norm none none": "--batch-norm: batch norm values must be different, and at least one, got ('none', 'none')",
    "init-sensitivity --batch-norm": "--batch-norm: batch norm values must be different, and at least one, got ()",
    "init-sensitivity --lambda -1": "--lambda: lambda must be a number >= 0, got -1.0",
    "random-search --scale smoke --space.lambda 0.1 0.001": "--space.lambda: lambda range must be two positive numbers, the lower first, got (0.1, 0.001)",
    "random-search --scale smoke --space.sigma 0 1": "--space.sigma: sigma range must be two positive numbers, the lower first, got (0.0, 1.0)",
    "random-search --scale smoke --space.keep 0 1": "--space.keep: keep must be a probability in (0, 1], got 0.0",
    "random-search --scale smoke --space.keep 0.5 1.5": "--space.keep: keep must be a probability in (0, 1], got 1.5",
    "random-search --scale smoke --space.keep 0.9 0.9": "--space.keep: keep range must be two numbers, the lower first, got (0.9, 0.9)",
    "random-search --scale smoke --space.keep 0.5 0.7 0.9": "--space.keep: keep must be one number, or the two ends of a range, got (0.5, 0.7, 0.9)",
    "random-search --scale smoke --space.hidden 50 5x": "--space.hidden: networks must be hidden sizes such as 50-30, got '5x'",
    "random-search --scale smoke --space.hidden 50 50": "--space.hidden: networks must be different, and at least one, got ('50', '50')",
    "random-search --scale smoke --space.eta-max 1e-6 1": "--space.eta-max: eta min must not exceed eta max, got (1e-05, 1e-06)",
    "random-search --scale smoke --search.count 0": "--search.count: count (settings) must be a positive integer, got 0",
    "random-search --scale smoke --search.count 12": "--scale, --search.count: count (settings) must be a multiple of the round size 8, got 12",
    "random-search --scale smoke --search.prune 0.1 --search.cycles 2": (
        "--scale, --search.prune, --search.cycles: prune must drop a setting or be 0: floor(prune x 8) of "
        "the 8 that are ranked together, got 0.1"
    ),
    "random-search --scale smoke --confirm.finalists 9": "--scale, --confirm.finalists: finalists must not exceed the 8 settings of the search, got 9",
    "random-search --scale smoke --final.replicates 0": "--final.replicates: replicates must be a positive integer, got 0",
    "depth --networks 50 5O": "--networks: networks must be hidden sizes such as 50-30, got '5O'",
    "depth --networks 50-": "--networks: networks must be hidden sizes such as 50-30, got '50-'",
    "depth --networks 50-0": "--networks: hidden sizes must be a positive integer, got 0",
    "depth --networks 50-30 050-30": "--networks: networks must be different, and at least one, got ((50, 30), (50, 30))",
    "depth --networks": "--networks: networks must be different, and at least one, got ()",
    "gradient-check --hidden 0": "--hidden: hidden sizes must be a positive integer, got 0",
    "gradient-check --hidden": "--hidden: hidden must name at least one layer, got ()",
    "gradient-check --inputs 0": "--inputs: inputs must be a positive integer, got 0",
    "gradient-check --batch-size 0": "--batch-size: batch size must be a positive integer, got 0",
    "lambda --low 0.1 --high 1e-5": "--low, --high: lambda range must be two positive numbers, the lower first, got (0.1, 1e-05)",
    "lambda --low -1e-5": "--low: lambda range must be two positive numbers, the lower first, got (-1e-05, 0.1)",
    "lambda --high nan": "--high: lambda range must be two positive numbers, the lower first, got (1e-05, nan)",
    "lambda --high inf": "--high: lambda range must be two positive numbers, the lower first, got (1e-05, inf)",
    "lambda --low 0.1 --high 0.1": "--low: lambda range must be two positive numbers, the lower first, got (0.1, 0.1)",
    "lambda --coarse.count 0": "--coarse.count: count (lambdas of a stage) must be a positive integer, got 0",
    "lambda --refine.sampler sobol --refine.count 6": "--refine.sampler, --refine.count: count of a sobol stage must be a multiple of 4, got 6",
    "lambda --refine.replicates 0": "--refine.replicates: replicates must be a positive integer, got 0",
    "lambda --final.replicates 0": "--final.replicates: replicates must be a positive integer, got 0",
    "lambda --network.hidden 5 -1": "--network.hidden: hidden sizes must be a positive integer, got -1",
    "lambda --batch-size 0": "--batch-size: batch size must be a positive integer, got 0",
    "lambda --init.scheme normal --init.sigma 0": "--init.scheme, --init.sigma: sigma must be a positive number, got 0.0",
    "lambda --init.sigma 0.1": "--init.sigma: sigma belongs to init normal, not to he, got 0.1",
    "lambda --final.step-size 0": "--final.step-size: step size (epochs) must be a positive integer, got 0",
    "lambda --coarse.prune 1": "--coarse.prune: prune must be a share of the settings in [0, 1), got 1.0",
    "lambda --refine.prune -0.1": "--refine.prune: prune must be a share of the settings in [0, 1), got -0.1",
    "lambda --coarse.prune nan": "--coarse.prune: prune must be a share of the settings in [0, 1), got nan",
    "lambda --scale smoke --refine.prune 0.5": "--scale, --refine.prune: prune must be 0 with 1 cycle: settings are dropped between cycles, got 0.5",
    "lambda --coarse.prune 0.2 --coarse.count 4": (
        "--coarse.prune, --coarse.count: prune must drop a setting or be 0: floor(prune x 4) of the 4 that "
        "are ranked together, got 0.2"
    ),
    "lambda --refine.prune 0.5 --refine.sampler tpe --refine.round-size 1": (
        "--refine.prune, --refine.sampler, --refine.round-size: prune must drop a setting or be 0: "
        "floor(prune x 1) of the 1 that are ranked together, got 0.5"
    ),
    "lambda --final.val-fraction 1.5": "--final.val-fraction: validation fraction must lie between 0 and 1, got 1.5",
    "lambda --eta-min 0.5": "--eta-min: eta min must not exceed eta max, got (0.5, 0.1)",
    "lambda --pack-width 0": "--pack-width: pack width must be a positive integer, got 0",
    "lambda --screen -1": "--screen: screen must be a number of principal components, or 0 for none, got -1",
    "lambda --low 1e400": "--low: lambda range must be two positive numbers, the lower first, got (inf, 0.1)",
    "lambda --high -inf": "--high: lambda range must be two positive numbers, the lower first, got (1e-05, -inf)",
    "lambda --coarse.count 1000000000000000000000000000000": "--coarse.count: count (lambdas of a stage) must be at most 2^62, got 1000000000000000000000000000000",
    "lambda --coarse.replicates 99999999": "--coarse.replicates: trials of a stage must be at most 1,000,000, got 1599999984",
    "lambda --refine.step-size 1000000000000000000000000000000": "--refine.step-size: step size (epochs) must be at most 2^62, got 1000000000000000000000000000000",
    "lambda --coarse.round-size -4": "--coarse.round-size: round size must be a positive integer, got -4",
    "lambda --seed -1": "--seed: seed must not be negative, got -1",
    "lambda --seed 1000000000000000000000000000000": "--seed: seed must be less than 2^63, got 1000000000000000000000000000000",
    "lambda --jobs 0": "--jobs: jobs must be at least 1, got 0",
    "lambda --jobs -2": "--jobs: jobs must be at least 1, got -2",
    "lambda --jobs 1000000": "--jobs: jobs must be at most 1024, got 1000000",
    "lambda --run ../x": "--run: run must be letters, digits, '-', '_' and '.', got '../x'",
    "lambda --run a/b": "--run: run must be letters, digits, '-', '_' and '.', got 'a/b'",
    "lambda --run 'a b'": "--run: run must be letters, digits, '-', '_' and '.', got 'a b'",
    "lambda --run ''": "--run: run must be letters, digits, '-', '_' and '.', got ''",
    "lambda --run 'a\nb'": "--run: run must be letters, digits, '-', '_' and '.', got 'a\\nb'",
    "lambda --run é": "--run: run must be letters, digits, '-', '_' and '.', got 'é'",
    "lambda --run smoke": "--run: run must not begin with the name of a scale, got 'smoke'",
    "lambda --run quick-2": "--run: run must not begin with the name of a scale, got 'quick-2'",
    "lambda --pack-width -3": "--pack-width: pack width must be a positive integer, got -3",
    "lambda --pack-width 1000000000000000000000000000000": "--pack-width: pack width must be at most 2^62, got 1000000000000000000000000000000",
    "gradient-check --inputs 1000000000000": "--inputs: networks must have at most 1,000,000 weights to check, got 8000000000158",
    "gradient-check --batch-size 1000000000000": "--batch-size: batch size must be at most 1,000,000 with such networks, got 1000000000000",
    "gradient-check --hidden 100000 100000": "--hidden: networks must have at most 1,000,000 weights to check, got 10002000000",
    "lambda --final.default -1": "--final.default: default lambda must be >= 0, got -1.0",
    "lambda --final.default nan": "--final.default: default lambda must be >= 0, got nan",
    "lambda --eta-max 0": "--eta-max: eta max must be a positive number, got 0.0",
    "lambda --eta-max inf": "--eta-max: eta max must be a positive number, got inf",
    "lambda --optimizer.momentum 1": "--optimizer.momentum: momentum must lie in [0, 1), got 1.0",
    "lambda --optimizer.beta1 nan": "--optimizer.beta1: beta1 must lie in [0, 1), got nan",
    "lambda --optimizer.epsilon 0": "--optimizer.epsilon: optimizer epsilon must be a positive number, got 0.0",
    "lambda --network.layer-norm after": (
        "--network.layer-norm: batch norm and layer norm must not normalise the same layers, got ('before', 'after')"
    ),
    "lambda --network.bn-alpha 1": "--network.bn-alpha: bn alpha must lie in [0, 1), got 1.0",
    "lambda --network.skips 1 1": "--network.skips: skips must lead from one of the hidden layers 1..2 to a later one, got (1, 1)",
    "lambda --network.num-bn-layers 3": (
        "--network.num-bn-layers: num bn layers must lie in 1..2, the hidden layers (for none of them: batch "
        "norm none), got 3"
    ),
    "lambda --init.scheme normal": "--init.scheme: sigma must be given with init normal, got None",
    "lambda --init.scheme normal --init.sigma 1e39": "--init.scheme, --init.sigma: sigma must lie within 1e-37 to 1e+37, as float32 does, got 1e+39",
    "lambda --network.hidden 5 1000000000000000000000000000000": "--network.hidden: hidden sizes must be at most 2^62, got 1000000000000000000000000000000",
    "random-search --search.sampler tpe --search.prune 0.5": "--search.prune: prune must be 0 with 1 cycle: settings are dropped between cycles, got 0.5",
    "random-search --space.hidden": "--space.hidden: networks must be different, and at least one, got ()",
    "random-search --space.hidden 50 -5": "--space.hidden: networks must be hidden sizes such as 50-30, got '-5'",
    "random-search --space.sigma 1e-40 1": "--space.sigma: sigma must lie within 1e-37 to 1e+37, as float32 does, got 1e-40",
    "random-search --search.round-size 7": "--search.round-size: count (settings) must be a multiple of the round size 7, got 60",
    "width --val-fraction 0": "--val-fraction: validation fraction must lie between 0 and 1, got 0.0",
    "width --val-fraction nan": "--val-fraction: validation fraction must lie between 0 and 1, got nan",
    "width --train-rows 1000000000000000000000000000000": "--train-rows: train rows must be at most 2^62, got 1000000000000000000000000000000",
    "width --augment.zoom nan": "--augment.zoom: zoom must lie in [0, 1), got nan",
    "best-network --jitter.rotation -1": "--jitter.rotation: rotation must be degrees in [0, 180], got -1.0",
    "batch-norm --test-augment.contrast 2": "--test-augment.contrast: contrast must lie in [0, 1), got 2.0",
    "width --replicates 10000000": "--replicates: trials of stage width must be at most 1,000,000, got 40000000",
    "lambda --scale smoke --refine.replicates 1000000": "--scale, --refine.replicates: trials of a stage must be at most 1,000,000, got 4000000",
    "weight-scale --sigma.log-range 1e-4 1 2000": "--sigma.log-range: number of sigma values must be at most 1,000, got 2000",
}
"""A command line -> its one line on stderr, without ``error: ``; … stands for anything. No data is read for it."""

ON_ROWS: dict[str, str] = {
    "augmentation": "augmentation must be of images, got 'the data set tiny'",
    "width --augment.mirror": "--augment.mirror: augmentation must be of images, got 'the data set tiny'",
    "dropout --augment.shift 2": "--augment.shift: augmentation must be of images, got 'the data set tiny'",
    "batch-norm --augment.brightness 0.1": "--augment.brightness: augmentation must be of images, got 'the data set tiny'",
    "batch-size --batch-sizes 145": "--batch-sizes: batch size must not exceed the 144 training rows, got 145",
    "width --val-fraction 0.001": "--val-fraction: validation rows must be a positive integer, got 0",
    "lambda --low 0.1 --high 0.10001": (
        "--low, --high: lambda range must hold 16 values that differ in 4 significant digits, got (0.1, 0.10001)"
    ),
    "lambda --batch-size 145": "--batch-size: batch size must not exceed the 144 training rows, got 145",
    "lambda --coarse.val-fraction 0.001": "--coarse.val-fraction: validation rows must be a positive integer, got 0",
    "lambda --refine.val-fraction 0.999": "--refine.val-fraction: training rows must be a positive integer, got 0",
    "lambda --screen 7": "--screen: components must not exceed 6, all that 144 training rows of 6 features have, got 7",
    "lambda --screen 6 --coarse.val-fraction 0.97 --batch-size 2": (
        "--screen, --coarse.val-fraction: components must not exceed 4, all that 5 training rows of 6 "
        "features have, got 6"
    ),
    "lambda --scale smoke --network.hidden 3 10000000000": "--scale, --network.hidden: networks must fit in memory, got … of … GB",
    "lambda --scale smoke --final.replicates 1000000": "--scale, --final.replicates: trials of stage final must be at most 1,000,000, got 2000000",
    "random-search --scale smoke --space.hidden 5 --space.eta-max 0.1 --space.lambda 0.1 --space.sigma 0.1 --space.keep 1": (
        "--space.hidden, --space.eta-max, --space.lambda, --space.sigma, --space.keep: a search must vary at "
        "least one parameter, got one value of each"
    ),
    "random-search --scale smoke --space.eta-max 0.1 --space.lambda 0.1 --space.sigma 0.1 --space.keep 1": (
        "--scale, --space.eta-max, --space.lambda, --space.sigma, --space.keep: a search must find 8 new "
        "settings that differ in 4 significant digits, got hidden …"
    ),
    "random-search --search.count 20000": "--search.count: settings (trials per replicate) must be at most 10,000, got 20000",
    "init-sensitivity --sigma.log-range 1 1.0001 4": (
        "--sigma.log-range: sigma range must hold 4 values that differ in 4 significant digits, got (1.0, 1.0001)"
    ),
    "batch-norm --precise-per-epoch 145 --batch-size 20": (
        "--precise-per-epoch, --batch-size: estimates per epoch must not exceed the 8 steps of an epoch, got 145"
    ),
    "overfit --train-rows 200 --batch-size 150": "--train-rows, --batch-size: batch size must not exceed the 144 training rows, got 150",
    "width --scale smoke --units 3 100000000000": "--units: networks must fit in memory, got … of … GB",
    "depth --networks 99999999-99999999": "--networks: networks must fit in memory, got … of … GB",
    "best-network --scale smoke": "augmentation must be of images, got 'the data set tiny'",
    "lambda --init.scheme normal --init.sigma 0.1 --batch-size 200": "--init.scheme, --init.sigma, --batch-size: batch size must not exceed the 144 training rows, got 200",
    "lambda --coarse.sampler tpe --coarse.count 1004": (
        "--coarse.sampler, --coarse.count: settings (trials per replicate) must be at most 1,000 with a "
        "sampler that looks back, got 1004"
    ),
}
"""The same, of those that need 200 rows of 6 numbers to be refused: 160 that are no test rows, 16 to validate on."""
