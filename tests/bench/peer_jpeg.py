#!/usr/bin/env python3
"""peer_jpeg.py DIR: images a second from a JPEG file to a 224x224 float tensor on one thread, as torchvision's
transform of evaluation does it. Prints one JSON line."""
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
transform = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(),
                                transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
took = []
for _ in range(3):
    began = time.perf_counter()
    for path in paths:
        with open(path, "rb") as file:
            transform(Image.open(file).convert("RGB"))
    took.append(time.perf_counter() - began)
print(json.dumps({"images": len(paths), "images_per_second": len(paths) / statistics.median(took)}))
