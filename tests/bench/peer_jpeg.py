#!/usr/bin/env python3
"""peer_jpeg.py DIR: images a second from a JPEG in memory to a 224x224 float tensor on one thread, as torchvision's
transform of evaluation does it. Prints one JSON line."""
import io
import json
import os
import statistics
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"
import torch
from PIL import Image
from torchvision import transforms

torch.set_num_threads(1)
paths = sorted(os.path.join(folder, name) for folder, _, names in os.walk(sys.argv[1]) for name in names
               if name.lower().endswith((".jpg", ".jpeg")))
files = []
for path in paths:
    with open(path, "rb") as file:
        files.append(file.read())
transform = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(),
                                transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
took = []
for _ in range(2):
    began = time.perf_counter()
    for data in files:
        transform(Image.open(io.BytesIO(data)).convert("RGB"))
    took.append(time.perf_counter() - began)
print(json.dumps({"images": len(files), "images_per_second": len(files) / statistics.median(took)}))
