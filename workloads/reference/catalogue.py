"""What the scripts can be asked for, without PyTorch: names of models.py and their usual sizes."""

# Trained, and the samples of a step. Of Tally's co-runners (docs/published.md): bert-qa,
# gpt2-large, pegasus, pointnet, resnet50, whisper-large.
TRAINED = {"bert-qa": 32, "gpt2": 8, "gpt2-large": 1, "pegasus": 4, "pointnet": 128,
           "resnet50": 128, "shufflenet": 512, "transformer": 32, "whisper-large": 16}
SERVED = ["bert-base", "bert-large", "resnet50", "resnet152", "yolos-small"]
