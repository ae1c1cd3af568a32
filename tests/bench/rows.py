"""The rows of the comparison: what is measured, the least ratio that is wanted and the one to go on towards."""


def steps(name, model, regime, least, towards, batch=32, **more):
    return dict(id=name, kind="steps", model=model, regime=regime, batch=batch, least=least, towards=towards,
                unit="images/s", **more)


ROWS = [
    steps("forward-vgg16", "vgg16", "forward", 2.0, 2.4),
    steps("forward-resnet18", "resnet18", "forward", 1.45, 1.7),
    steps("forward-resnet50", "resnet50", "forward", 1.1, 1.25),
    steps("forward-mobilenet_v2", "mobilenet_v2", "forward", 1.1, 1.5),
    steps("forward-squeezenet1_1", "squeezenet1_1", "forward", 1.1, 1.5),
    steps("full-vgg16", "vgg16", "full", 2.5, 3.0),
    steps("full-resnet18", "resnet18", "full", 1.6, 1.9),
    steps("full-resnet50", "resnet50", "full", 1.2, 1.4),
    steps("full-mobilenet_v2", "mobilenet_v2", "full", 1.2, 1.6),
    steps("full-squeezenet1_1", "squeezenet1_1", "full", None, None),
    steps("full-resnet20", "resnet20", "full", 1.3, 2.0, batch=128),
    steps("block-resnet18", "resnet18", "block", 3.0, 4.0, thaw_regime="block-cached"),
    steps("block-resnet50", "resnet50", "block", 3.0, 4.0, thaw_regime="block-cached"),
    steps("block-vgg16", "vgg16", "block", 3.0, 4.0, thaw_regime="block-cached"),
    steps("head-resnet18", "resnet18", "head", 300.0, None, thaw_regime="head-cached"),
    steps("headcached-resnet18", "resnet18", "head-cached", None, None),
    steps("batch1-resnet18", "resnet18", "forward", 1.2, 1.8, batch=1),
    steps("batch1-mobilenet_v2", "mobilenet_v2", "forward", 1.2, 1.8, batch=1),
    dict(id="finetune", kind="finetune", augment=False, least=12.0, towards=None, unit="s"),
    dict(id="finetune-augmented", kind="finetune", augment=True, least=1.4, towards=1.8, unit="s"),
    dict(id="jpeg", kind="jpeg", least=1.7, towards=2.2, unit="images/s"),
    dict(id="memory", kind="memory", model="resnet18", regime="full", batch=32, least=0.6, towards=0.4, unit="MiB",
         smaller=True),
    dict(id="idle", kind="idle", least=0.1, towards=15 / 241, unit="MiB", smaller=True),
    dict(id="start", kind="start", least=1 / 50, towards=None, unit="ms", smaller=True),
    dict(id="scaling", kind="scaling", model="resnet18", regime="full", batch=32, least=1.85, towards=None,
         unit="images/s"),
    dict(id="darknet-forward", kind="darknet", regime="forward", least=15.0, towards=None, unit="images/s"),
    dict(id="darknet-full", kind="darknet", regime="full", least=20.0, towards=None, unit="images/s"),
    dict(id="sgemm", kind="sgemm", models=("resnet18", "resnet50", "mobilenet_v2"), least=0.85, towards=0.95,
         unit="share of sgemm"),
    dict(id="layers", kind="layers", models=("resnet18", "resnet50", "vgg16"), least=1.15, towards=1.0,
         unit="x the best known time", smaller=True),
]
