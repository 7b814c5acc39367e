"""What cannot be read on the command line, or means nothing there, and with what it is refused."""

WORDS: dict[str, str] = {
    "optimizers --names sgd adm": (
        "--names: optimizer must be one of sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw, got "
        "'adm'; did you mean 'adam'?"
    ),
    "optimizers --optimizer.name sdg": (
        "--optimizer.name: optimizer must be one of sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw, "
        "got 'sdg'; did you mean 'sgd'?"
    ),
    "activations --names relu tahn": (
        "--names: activation must be one of relu, identity, leaky_relu, sigmoid, tanh, got 'tahn'; did you mean 'tanh'?"
    ),
    "width --activation rleu": (
        "--activation: activation must be one of relu, identity, leaky_relu, sigmoid, tanh, got 'rleu'; did "
        "you mean 'relu'?"
    ),
    "width --schedule cosin": (
        "--schedule: schedule must be one of triangular, constant, step, exponential, cosine, got 'cosin'; "
        "did you mean 'cosine'?"
    ),
    "width --convention cs231": "--convention: convention must be one of dd2424, cs231n, cmu, got 'cs231'; did you mean 'cs231n'?",
    "width --bn-start zero": "--bn-start: bn start must be one of first_batch, zeros, standard, got 'zero'; did you mean 'zeros'?",
    "width --batch-norm befor": "--batch-norm: batch norm must be one of none, before, after, got 'befor'; did you mean 'before'?",
    "width --init.scheme hee": "--init.scheme: init must be one of he, xavier, normal, got 'hee'; did you mean 'he'?",
    "batch-norm --statistics ema precice": (
        "--statistics: statistics must be one of ema, precise, adaptive, got 'precice'; did you mean 'precise'?"
    ),
    "batch-norm --places befor": "--places: batch norm must be one of none, before, after, got 'befor'; did you mean 'before'?",
    "batch-size --norms bach": "--norms: norm must be one of none, batch, layer, got 'bach'; did you mean 'batch'?",
    "dropout --norms bfore": "--norms: batch norm must be one of none, before, after, got 'bfore'; did you mean 'before'?",
    "skip --norms non": "--norms: batch norm must be one of none, before, after, got 'non'; did you mean 'none'?",
    "weight-scale --norms aftr": "--norms: batch norm must be one of none, before, after, got 'aftr'; did you mean 'after'?",
    "optimizers --etas.values 0.01 --etas.log-range 0.1 1 3": (
        "--etas.values, --etas.log-range: etas must be given as values or as log-range, not as both, got "
        "((0.01,), (0.1, 1.0, 3))"
    ),
    "width --hidden 10 10": "--hidden: hidden must be left out where the factor units per layer sets it, got (10, 10)",
    "overfit --hidden 3": "--hidden: hidden must be left out where the factor network sets it, got (3,)",
    "dropout --keep 0.3": "--keep: keep must be left out where the factor dropout sets it, got 0.3",
    "weight-scale --batch-norm after": "--batch-norm: batch norm must be left out where the factor batch norm sets it, got 'after'",
    "weight-scale --init.scheme xavier": "--init.scheme: init must be left out where the factor weight scale σ sets it, got 'xavier'",
    "batch-size --batch-size 7": "--batch-size: batch size must be left out where the factor batch size sets it, got 7",
    "activations --activation tanh": "--activation: activation must be left out where the factor activation sets it, got 'tanh'",
    "optimizers --optimizer.name adam": "--optimizer.name: optimizer must be left out where the factor optimizer sets it, got 'adam'",
    "optimizers --eta-max 5": "--eta-max: eta max must be left out where etas are given, got 5.0",
    "augmentation --augment.mirror": "--augment.mirror: augment must be left out where the factor augmentation sets it, got 'mirror'",
    "weight-scale --sigma.values 0.1 --sigma.log-range 0.1 1 3": (
        "--sigma.values, --sigma.log-range: sigma must be given as values or as log-range, not as both, got "
        "((0.1,), (0.1, 1.0, 3))"
    ),
    "init-sensitivity --sigma.values small": "--sigma.values must be [FLOAT [FLOAT ...]], got 'small'",
    "init-sensitivity --sigma.log-range 1e-5 1": "--sigma.log-range must be FLOAT FLOAT INT, got '1e-5', '1'",
    "init-sensitivity --batch-norm befor": "--batch-norm: batch norm must be one of none, before, after, got 'befor'; did you mean 'before'?",
    "init-sensitivity --sigma.valeus 0.1": "flags must be those of init-sensitivity --help, got '--sigma.valeus'; did you mean '--sigma.values'?",
    "random-search --scale smoke --search.sampler tpee": "--search.sampler: sampler must be one of … got 'tpee'; did you mean 'tpe'?",
    "random-search --scale smoke --space.batch-norm before during": "--space.batch-norm: batch norm must be one of none, before, after, got 'during'",
    "gradient-check --activation rleu": (
        "--activation: activation must be one of relu, identity, leaky_relu, sigmoid, tanh, got 'rleu'; did "
        "you mean 'relu'?"
    ),
    "lambda --coarse.sampler sobl": "--coarse.sampler: sampler must be one of grid, random, sobol, tpe, got 'sobl'; did you mean 'sobol'?",
    "lambda --optimizer.name momentun": (
        "--optimizer.name: optimizer must be one of sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw, "
        "got 'momentun'; did you mean 'momentum'?"
    ),
    "lambda --coarse.cuont 4": "flags must be those of lambda --help, got '--coarse.cuont'; did you mean '--coarse.count'?",
    "lambda --network.hidden 2.5": "--network.hidden must be [INT [INT ...]], got '2.5'",
    "lambda --screen 2.5": "--screen must be INT, got '2.5'",
    "lamda": "sweep must be one of … got 'lamda'; did you mean 'lambda'?",
    "Lambda": "sweep must be one of … got 'Lambda'; did you mean 'lambda'?",
    "''": "sweep must be one of … got ''",
    "--seed 1": "sweep must be one of … got '--seed'",
    "lambda-search": "sweep must be one of … got 'lambda-search'; did you mean 'random-search'?",
    "optimizer": "sweep must be one of … got 'optimizer'; did you mean 'optimizers'?",
    "lambda --prune 0.5": "flags must be those of lambda --help, got '--prune'; did you mean '--coarse.prune'?",
    "lambda --hidden 5": "flags must be those of lambda --help, got '--hidden'; did you mean '--network.hidden'?",
    "lambda --momentum 0.5": "flags must be those of lambda --help, got '--momentum'; did you mean '--optimizer.momentum'?",
    "lambda --search.prune 0.5": "flags must be those of lambda --help, got '--search.prune'; did you mean '--coarse.prune'?",
    "lambda --seeds 1": "flags must be those of lambda --help, got '--seeds'; did you mean '--seed'?",
    "lambda --see 1": "flags must be those of lambda --help, got '--see'; did you mean '--seed'?",
    "lambda --no-debug": "flags must be those of lambda --help, got '--no-debug'",
    "lambda -x": "flags must be those of lambda --help, got '-x'",
    "random-search --screen 512": "flags must be those of random-search --help, got '--screen'",
    "width --units-per-layer 3": "flags must be those of width --help, got '--units-per-layer'",
    "lambda 3": "values must follow a flag that takes them, got '3'",
    "lambda --seed 1 2": "--seed: values must follow a flag that takes them, got '2'",
    "lambda --plan yes": "--plan: values must follow a flag that takes them, got 'yes'",
    "lambda --plan=1": "--plan: values must follow a flag that takes them, got '1'",
    "lambda --low": "--low must be followed by a value, got none",
    "lambda --low --high 1": "--low must be followed by a value, got none",
    "lambda --low=": "--low must be FLOAT, got ''",
    "lambda --low x": "--low must be FLOAT, got 'x'",
    "lambda --low 'a\nb'": "--low must be FLOAT, got 'a\\nb'",
    "lambda --low ' '": "--low must be FLOAT, got ' '",
    "lambda --low ½": "--low must be FLOAT, got '½'",
    "lambda --low 0x10": "--low must be FLOAT, got '0x10'",
    "lambda --coarse.count 1e3": "--coarse.count must be INT, got '1e3'",
    "lambda --seed 1.5": "--seed must be INT, got '1.5'",
    "lambda --seed one": "--seed must be INT, got 'one'",
    "lambda --seed 1 --seed 2": "--seed must be given once, got '1 and 2'",
    "lambda --data-dir a --data_dir b --data-dir c": "--data-dir must be given once, got 'a and b and c'",
    "lambda --jobs two": "--jobs must be INT, got 'two'",
    "lambda --scale smok": "--scale: scale must be one of smoke, quick, full, got 'smok'; did you mean 'smoke'?",
    "lambda --scale ''": "--scale: scale must be one of smoke, quick, full, got ''",
    "lambda --scale Full": "--scale: scale must be one of smoke, quick, full, got 'Full'; did you mean 'full'?",
    "lambda --retry all": "--retry: retry must be one of failed, got 'all'",
    "lambda --retry fail": "--retry: retry must be one of failed, got 'fail'; did you mean 'failed'?",
    "lambda --artifacts=": "--artifacts must not be empty, got ''",
    "lambda --artifacts": "--artifacts must be followed by a value, got none",
    "lambda --dataset=": "--dataset must not be empty, got ''",
    "lambda --data-dir ''": "--data-dir must not be empty, got ''",
    "lambda --dataset cifar11": (
        "data set must be one of cifar10, digits, mnist, mnist-t10k, path/to/file.npz, got 'cifar11'; did "
        "you mean 'cifar10'?"
    ),
    "lambda --dataset CIFAR10": (
        "data set must be one of cifar10, digits, mnist, mnist-t10k, path/to/file.npz, got 'CIFAR10'; did "
        "you mean 'cifar10'?"
    ),
    "lambda --dataset digts": (
        "data set must be one of cifar10, digits, mnist, mnist-t10k, path/to/file.npz, got 'digts'; did you "
        "mean 'digits'?"
    ),
    "lambda --dataset mnist-10k": (
        "data set must be one of cifar10, digits, mnist, mnist-t10k, path/to/file.npz, got 'mnist-10k'; did "
        "you mean 'mnist-t10k'?"
    ),
    "lambda --dataset '\n'": "data set must be one of cifar10, digits, mnist, mnist-t10k, path/to/file.npz, got '\\n'",
    "lambda --dataset digits.npy": (
        "data set must be one of cifar10, digits, mnist, mnist-t10k, path/to/file.npz, got 'digits.npy'; did "
        "you mean 'path/to/file.npz'?"
    ),
    "lambda --dataset missing.npz": "data set must be an existing .npz file, got 'missing.npz'",
    "lambda --dataset ' tiny.npz'": "data set must be an existing .npz file, got ' tiny.npz'",
    "lambda --dataset folder.npz": "data set must be an existing .npz file, got 'folder.npz'",
    "lambda --dataset tiny.npz/x.npz": "data set must be an existing .npz file, got 'tiny.npz/x.npz'",
    "lambda --dataset cifar10 --data-dir missing": "data folder must exist, got 'missing'",
    "lambda --dataset cifar10 --data-dir tiny.npz": "data folder must exist, got 'tiny.npz'",
    "lambda --dataset mnist --data-dir others": "data folder must hold MNIST or be empty, got 'others' with holiday.jpg",
    "lambda --data-dir others": "data folder must hold CIFAR-10 or be empty, got 'others' with holiday.jpg",
    "report --dataset cifar11": (
        "data set must be one of cifar10, digits, mnist, mnist-t10k, path/to/file.npz, got 'cifar11'; did "
        "you mean 'cifar10'?"
    ),
    "report --dataset missing.npz": "data set must be an existing .npz file, got 'missing.npz'",
    "data --dataset cifar11": (
        "data set must be one of cifar10, digits, mnist, mnist-t10k, path/to/file.npz, got 'cifar11'; did "
        "you mean 'cifar10'?"
    ),
    "assignment --dataset cifar11": (
        "data set must be one of cifar10, digits, mnist, mnist-t10k, path/to/file.npz, got 'cifar11'; did "
        "you mean 'cifar10'?"
    ),
    "experiments --dataset missing.npz": "data set must be an existing .npz file, got 'missing.npz'",
    "gradient-check --plan": "--plan must be left out of gradient-check, got True",
    "gradient-check --run x": "--run must be left out of gradient-check, got 'x'",
    "data --retry failed": "--retry must be left out of data, got 'failed'",
    "data --pack-width 3": "--pack-width must be left out of data, got 3",
    "report --plan": "--plan must be left out of report, got True",
    "report --seed 3": "--seed must be left out of report, got 3",
    "assignment --coarse.count 3": "flags must be those of assignment --help, got '--coarse.count'",
    "lambda --network.activation rellu": (
        "--network.activation: activation must be one of relu, identity, leaky_relu, sigmoid, tanh, got "
        "'rellu'; did you mean 'relu'?"
    ),
    "lambda --network.batch-norm befor": (
        "--network.batch-norm: batch norm must be one of none, before, after, got 'befor'; did you mean 'before'?"
    ),
    "lambda --network.bn-start ones": "--network.bn-start: bn start must be one of first_batch, zeros, standard, got 'ones'",
    "lambda --network.dtype float16": "--network.dtype: dtype must be one of float32, float64, got 'float16'; did you mean 'float64'?",
    "lambda --network.skips 1 2 3": "--network.skips must be [INT INT [INT INT ...]], got '1', '2', '3'",
    "lambda --init.scheme hee": "--init.scheme: init must be one of he, xavier, normal, got 'hee'; did you mean 'he'?",
    "random-search --search.sampler sobol": "--search.sampler: sampler must be one of … got 'sobol'",
    "dropout --convention cmuu": "--convention: convention must be one of dd2424, cs231n, cmu, got 'cmuu'; did you mean 'cmu'?",
    "width --replicates 1e2": "--replicates must be INT, got '1e2'",
    "width --augment.shift 1.5": "--augment.shift must be INT, got '1.5'",
}
"""A command line -> its one line on stderr, without ``error: ``; … stands for anything."""
